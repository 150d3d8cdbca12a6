// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What /readyz says while tasks come, go and are restored.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>

#include "answer.hpp"
#include "instance_checks.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/random.hpp"
#include "millrace/http/health.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/stream/topology.hpp"
#include "millrace/telemetry/metrics.hpp"

namespace millrace::service {
namespace {

using testing::HasSubstr;

/// One instance of a service with one task, which keeps the last page of each book.
class Library {
 public:
  Library(log::MemoryBroker& broker, ManualClock& clock, const std::string& member)
      : broker_(broker), log_(broker.connect({.service = "library", .member = member})) {
    stream::TopologyBuilder builder("library", 1);
    builder.stream<std::string, std::string>("pages").to_table("last-pages");
    instance_ = *stream::Instance::open(*log_, *builder.build(), {},
                                        {clock, real_file_system(), random_, {}});
    add_instance_checks(health_, *instance_);
    add_health_routes(router_, health_, metrics_);
  }
  void step() { ASSERT_TRUE(instance_->step()); }
  void die() {
    broker_.kill_member(*log_);
    instance_.reset();
  }
  [[nodiscard]] std::size_t tasks() const { return instance_->status().tasks.size(); }
  http::Response readyz() {
    http::Request request;
    request.method = http::Method::get;
    request.target = "/readyz";
    const auto match = router_.match(request);
    auto answer = std::make_shared<Answer>();
    auto future = answer->future();
    std::get<const http::Route*>(match)->handler(request, http::Responder(answer));
    return future.get();
  }
  // Steps until the task is restored, and returns how often it was here and not restored yet.
  int restore() {
    constexpr int steps_max = 1'000;
    int restoring = 0;
    for (int i = 0; i < steps_max; ++i) {
      step();
      const http::Response answer = readyz();
      if (tasks() == 1 && answer.status == 200) return restoring;
      if (tasks() == 0) continue;
      EXPECT_EQ(answer.status, 503);
      EXPECT_THAT(answer.body, HasSubstr("tasks are being restored"));
      ++restoring;
    }
    ADD_FAILURE() << "the task is not restored after " << steps_max << " steps";
    return restoring;
  }

 private:
  log::MemoryBroker& broker_;
  SeededRandom random_{7};
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<stream::Instance> instance_;
  http::Health health_;
  telemetry::MetricRegistry metrics_;
  http::Router router_;
};

class Readiness : public testing::Test {
 protected:
  // So much that one step does not restore it.
  void SetUp() override {
    const auto writer = broker_.connect({.service = "writer", .member = ""});
    const auto topic = writer->create_topic({"pages", 1, log::TopicKind::events, "writer"});
    ASSERT_TRUE(topic);
    const std::string page = "\"" + std::string(500'000, 'x') + "\"";
    for (int i = 0; i < 20; ++i) {
      const std::string book = "book-" + std::to_string(i);
      log::HeadersBuilder headers;
      headers.add("ce_id", book).add("ce_source", "/w").add("ce_specversion", "1.0");
      headers.add("ce_type", "string");
      log::Transaction transaction;
      transaction.append({topic->id, log::partition(0)}, {1, book, page, headers.view()});
      ASSERT_TRUE(writer->commit(transaction));
    }
  }
  static void work(Library& library) {
    for (int i = 0; i < 100; ++i)
      library.step();
  }

  ManualClock clock_;
  log::MemoryBroker broker_{clock_, true};
};

TEST_F(Readiness, comes_when_the_tasks_are_restored_and_not_before) {
  Library first(broker_, clock_, "1");
  EXPECT_EQ(first.readyz().status, 503);
  work(first);
  EXPECT_EQ(first.readyz().status, 200);
  first.die();
  Library again(broker_, clock_, "1");
  EXPECT_EQ(again.readyz().status, 503);
  EXPECT_GT(again.restore(), 0);
}

TEST_F(Readiness, is_gone_when_a_task_that_was_lost_comes_back_until_it_is_restored) {
  Library first(broker_, clock_, "1");
  work(first);
  // It does not get to run for longer than its session, and another one takes its task over.
  clock_.advance_ms(60'000);
  Library second(broker_, clock_, "2");
  second.restore();
  first.step();
  EXPECT_EQ(first.tasks(), 0U);
  second.die();
  EXPECT_GT(first.restore(), 0);
  EXPECT_EQ(first.readyz().status, 200);
}

TEST_F(Readiness, is_gone_while_a_task_that_was_lost_has_no_owner) {
  Library elder(broker_, clock_, "1");
  work(elder);
  clock_.advance_ms(60'000);
  Library younger(broker_, clock_, "2");
  younger.restore();
  elder.step();
  EXPECT_EQ(elder.tasks(), 0U);
  EXPECT_EQ(elder.readyz().status, 200) << "the other one has it";
  // Now that one does not get to run for longer than its session. The task is for the elder, which
  // has not taken it yet.
  clock_.advance_ms(6'000);
  elder.step();
  clock_.advance_ms(6'000);
  ASSERT_TRUE(broker_.connect({.service = "tool", .member = ""})->maintain());
  younger.step();
  EXPECT_EQ(younger.tasks(), 0U);
  const http::Response answer = younger.readyz();
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("has no owner"));
  elder.restore();
  clock_.advance_ms(1'000);
  younger.step();
  EXPECT_EQ(younger.tasks(), 0U);
  EXPECT_EQ(younger.readyz().status, 200);
}

}  // namespace
}  // namespace millrace::service
