// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What names records by their offsets names the copies in a copy, or is left out of it.
#include <gtest/gtest.h>

#include "copy_fixture.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::connect {
namespace {

class CopyReferences : public CopyTest {};
INSTANTIATE_TEST_SUITE_P(Logs, CopyReferences, testing::ValuesIn(all_kinds()), kinds_name);

TEST_P(CopyReferences, makes_dead_letters_and_replays_name_the_copies) {
  make_topic(*source, "orders", "orders");
  make_topic(*source, "stock.dead-letters", "stock");
  make_topic(*source, "stock.retry", "stock", 2, log::TopicKind::commands);
  for (int i = 0; i < 6; ++i)
    write(*source, "orders", 1, numbered(i, i + 1));
  log::Log& log = source->service("stock");
  const auto letter_of = [&](int i) {
    return Content{
        1,
        "k",
        "v",
        {{"dl-reason", "dl-offset"},
         {"dl-topic", "orders"},
         {"dl-partition", "1"},
         {"dl-offset", std::to_string(nth(log, "orders", 1, static_cast<std::size_t>(i)).value)}}};
  };
  for (const int i : {3, 5})
    write(*source, "stock.dead-letters", 0, {letter_of(i)});
  Content replay = letter_of(5);
  replay.headers.emplace_back(
      "dl-replay-of",
      "stock.dead-letters-0:" + std::to_string(nth(log, "stock.dead-letters", 0, 1).value));
  write(*source, "stock.retry", 1, {replay});
  run.request.transaction_bytes = 1;
  copied();
  const auto copy = target->tool();
  const auto letters = contents(*copy, "stock.dead-letters", 0);
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_EQ(letters[0].headers[0].second, "dl-offset");
  EXPECT_EQ(letters[0].headers[3].second, std::to_string(nth(*copy, "orders", 1, 3).value));
  EXPECT_EQ(letters[1].headers[3].second, std::to_string(nth(*copy, "orders", 1, 5).value));
  const auto replays = contents(*copy, "stock.retry", 1);
  ASSERT_EQ(replays.size(), 1U);
  EXPECT_EQ(replays[0].headers[3].second, std::to_string(nth(*copy, "orders", 1, 5).value));
  EXPECT_EQ(replays[0].headers[4].second,
            "stock.dead-letters-0:" + std::to_string(nth(*copy, "stock.dead-letters", 0, 1).value));
}

TEST_P(CopyReferences, makes_manifests_name_the_offsets_of_the_copy) {
  const std::string topic = "shop.counts.repartition";
  make_topic(*source, topic, "shop", 2, log::TopicKind::private_topic);
  make_topic(*source, "shop.manifest", "shop", 1, log::TopicKind::private_topic, log::compacted());
  for (int i = 0; i < 5; ++i)
    write(*source, topic, 0, numbered(i, i + 1));
  write(*source, topic, 1, numbered(0, 2));
  stream::Manifest manifest;
  manifest.version = manifest.revision = manifest.plan_version = 1;
  log::Log& log = source->service("shop");
  manifest.channels = {{"shop.other", "", "", {}, {}, {}}, {topic, "", "", {}, {}, {}}};
  // As a reset does it: within, and at the end.
  const log::TopicPartition last{log.find_topic(topic)->id, log::partition(1)};
  manifest.channels[1].from = {nth(log, topic, 0, 3).value, log.end_offset(last)->value};
  write(*source, "shop.manifest", 0, {{1, "manifest", stream::to_json(manifest), {}}});
  const auto expect_same_beginnings = [&] {
    copied();
    const auto copies = contents(*target->tool(), "shop.manifest", 0);
    ASSERT_EQ(copies.size(), 1U);
    const auto copy = stream::parse_manifest(*copies[0].value);
    ASSERT_TRUE(copy) << copy.error().to_string();
    ASSERT_EQ(copy->channels[1].from.size(), 2U);
    for (const std::int32_t p : {0, 1}) {
      const auto at = static_cast<std::size_t>(p);
      EXPECT_EQ(contents(*target->tool(), topic, p, log::offset(copy->channels[1].from[at])),
                contents(*source->tool(), topic, p, log::offset(manifest.channels[1].from[at])));
    }
  };
  expect_same_beginnings();
  write(*source, topic, 0, numbered(5, 6));
  write(*source, topic, 1, numbered(2, 4));
  expect_same_beginnings();
}

TEST_P(CopyReferences, makes_a_manifest_begin_at_0_in_what_is_not_copied) {
  make_topic(*source, "shop.counts.repartition", "shop", 1, log::TopicKind::private_topic);
  make_topic(*source, "shop.manifest", "shop", 1, log::TopicKind::private_topic, log::compacted());
  write(*source, "shop.counts.repartition", 0, numbered(0, 3));
  stream::Manifest manifest;
  manifest.version = manifest.revision = manifest.plan_version = 1;
  manifest.channels = {{"shop.counts.repartition", "", "", {3}, {}, {}}};
  write(*source, "shop.manifest", 0, {{1, "manifest", stream::to_json(manifest), {}}});
  run.request.topics = "*.manifest";
  copied();
  manifest.channels[0].from = {0};
  EXPECT_EQ(contents(*target->tool(), "shop.manifest", 0)[0].value, stream::to_json(manifest));
}

TEST_P(CopyReferences, refuses_a_manifest_of_a_newer_build) {
  make_topic(*source, "shop.manifest", "shop", 1, log::TopicKind::private_topic, log::compacted());
  stream::Manifest manifest;
  manifest.version = 99;
  write(*source, "shop.manifest", 0, {{1, "manifest", stream::to_json(manifest), {}}});
  EXPECT_EQ(refused(), stream::errc::incompatible);
  EXPECT_NE(message.find("shop.manifest-0"), std::string::npos) << message;
}

}  // namespace
}  // namespace millrace::connect
