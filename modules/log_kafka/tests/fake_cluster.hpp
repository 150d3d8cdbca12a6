// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "fake_kafka.hpp"

namespace millrace::log::kafka {

/// A cluster of one broker, the coordinator of every group, as far as the positions of groups need
/// one. Its threads read what a test has set; thread-safe.
class FakeCluster {
 public:
  using Response = testkit::kafka_proxy::WireWriter;
  /// Writes the body of a response.
  using Answer = std::function<void(const testkit::KafkaRequest&, Response&)>;

  /// Every OffsetFetch is answered by `answer` once the script is over.
  explicit FakeCluster(Answer answer)
      : answer_(std::move(answer)),
        broker_([this](const testkit::KafkaRequest& request) { return respond(request); }) {}

  [[nodiscard]] std::string address() const { return broker_.address(); }
  /// The next request of this kind is answered by this; after those that were given before.
  void then(Answer answer, testkit::KafkaApi api = testkit::KafkaApi::offset_fetch) {
    add(api, {std::move(answer)});
  }
  /// The same with an error of the group.
  void then_fail(std::int16_t error) {
    then([error](const testkit::KafkaRequest&, Response& out) { out.i32(0).array(0).i16(error); });
  }
  /// The same for OffsetFetch, but the last byte of the response never comes.
  void then_stall(Answer answer) {
    add(testkit::KafkaApi::offset_fetch, {std::move(answer), true});
  }
  /// The broker is one that takes OffsetFetch up to this version.
  void take_offset_fetch_up_to(std::int16_t version) {
    const std::scoped_lock lock(mutex_);
    newest_offset_fetch_ = version;
  }
  /// How often it was asked.
  [[nodiscard]] std::size_t asked(testkit::KafkaApi api) {
    const std::scoped_lock lock(mutex_);
    return asked_[api];
  }

 private:
  struct Turn {
    Answer answer;
    bool stalls = false;
  };
  void add(testkit::KafkaApi api, Turn turn) {
    const std::scoped_lock lock(mutex_);
    script_[api].push_back(std::move(turn));
  }

  std::string respond(const testkit::KafkaRequest& request) {
    using testkit::KafkaApi;
    const bool flexible = testkit::kafka_proxy::is_flexible(request.api, request.version);
    Response out(flexible && request.api != KafkaApi::api_versions);
    out.i32(request.correlation_id).tags();
    out.set_flexible(flexible);
    Turn turn;
    std::int16_t newest = 0;
    {
      const std::scoped_lock lock(mutex_);
      ++asked_[request.api];
      newest = newest_offset_fetch_;
      if (request.api == KafkaApi::offset_fetch) turn.answer = answer_;
      if (std::deque<Turn>& script = script_[request.api]; !script.empty()) {
        turn = std::move(script.front());
        script.pop_front();
      }
    }
    if (turn.answer) {
      turn.answer(request, out);
    } else if (request.api == KafkaApi::api_versions) {
      tell_versions(request, out, newest);
    } else if (request.api == KafkaApi::metadata) {
      out.array(1).i32(0).string("127.0.0.1").i32(broker_.port()).null_string();
      out.i32(0).array(0);
    } else {
      out.i32(0).i16(0).null_string().i32(0).string("127.0.0.1").i32(broker_.port());
    }
    std::string frame = out.tags().finish();
    if (turn.stalls) frame.pop_back();
    return frame;
  }

  // Those up to which the responses here are written.
  static void tell_versions(const testkit::KafkaRequest& request, Response& out,
                            std::int16_t newest_offset_fetch) {
    const std::pair<std::int16_t, std::int16_t> highest[] = {
        {0, 8},  {1, 11}, {3, 1}, {9, newest_offset_fetch}, {10, 2}, {18, 3}, {22, 1}, {24, 2},
        {25, 2}, {26, 2}, {28, 2}};
    out.i16(0).array(static_cast<std::int32_t>(std::size(highest)));
    for (const auto& [api, version] : highest)
      out.i16(api).i16(0).i16(version).tags();
    if (request.version >= 1) out.i32(0);
  }

  std::mutex mutex_;
  Answer answer_;
  std::map<testkit::KafkaApi, std::deque<Turn>> script_;
  std::int16_t newest_offset_fetch_ = 7;
  std::map<testkit::KafkaApi, std::size_t> asked_;
  testkit::FakeBroker broker_;
};

}  // namespace millrace::log::kafka
