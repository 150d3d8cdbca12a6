// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// InstanceOptions::keep_for_shadow_ms, on logs that remove what was read and on logs that keep it.
#include <gtest/gtest.h>

#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

constexpr std::int64_t day_ms = 86'400'000;

class KeepForShadow : public RuntimeTest {
 protected:
  static Topology moved() {
    TopologyBuilder builder("shadow", 1);
    builder.stream<std::string, Deposited>("deposits").repartition("by-key").to("shadow.out");
    auto plan = builder.build();
    if (!plan) throw std::runtime_error(plan.error().to_string());
    return *std::move(plan);
  }
  /// Of the topic, after the service has started with that option.
  static log::TopicSettings after_start(RuntimeWorld& world, std::int64_t keep_ms,
                                        const char* topic) {
    log::LogOptions of_service;
    of_service.service = "shadow";
    const auto log = world.connect(of_service);
    InstanceOptions options;
    options.keep_for_shadow_ms = keep_ms;
    auto instance =
        Instance::open(*log, moved(), options, {world.clock(), world.files(), world.random(), {}});
    if (!instance) throw std::runtime_error(instance.error().to_string());
    const auto found = log->find_topic(topic);
    auto settings = found ? log->topic_settings(found->id) : fail(found.error());
    if (!settings) throw std::runtime_error(settings.error().to_string());
    return *settings;
  }
};

INSTANTIATE_TEST_SUITE_P(On, KeepForShadow, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(KeepForShadow, holds_what_was_read_from_repartitions_and_stays_set) {
  const auto world = make_world();
  const char* const topic = "shadow.by-key.repartition";
  const log::TopicSettings before = after_start(*world, 0, topic);
  const log::TopicSettings held = after_start(*world, day_ms, topic);
  EXPECT_EQ(held.deletes, before.deletes) << "a log that keeps all continues to";
  if (before.deletes) {
    EXPECT_EQ(before.retention_ms, 0);
    EXPECT_EQ(held.retention_ms, day_ms);
    EXPECT_EQ(after_start(*world, 3 * day_ms, topic).retention_ms, 3 * day_ms);
    EXPECT_EQ(after_start(*world, 0, topic).retention_ms, 3 * day_ms);
    EXPECT_EQ(after_start(*world, day_ms, topic).retention_ms, 3 * day_ms)
        << "what is set to more is not lowered";
  } else {
    EXPECT_EQ(held.retention_ms, std::nullopt);
  }
}

TEST_P(KeepForShadow, never_shortens_how_long_replays_are_kept) {
  const auto world = make_world();
  const log::TopicSettings before = after_start(*world, 0, "shadow.retry");
  EXPECT_EQ(after_start(*world, day_ms, "shadow.retry"), before);
  const log::TopicSettings held = after_start(*world, 30 * day_ms, "shadow.retry");
  if (before.deletes) {
    EXPECT_EQ(held.retention_ms, 30 * day_ms);
  } else {
    EXPECT_EQ(held, before);
  }
}

}  // namespace
}  // namespace millrace::stream::test
