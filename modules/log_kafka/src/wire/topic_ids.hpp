// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "wire/cluster.hpp"
#include "wire/connection.hpp"
#include "wire/messages.hpp"

// Metadata, as far as it says which topic has a name now: the ids of topics (KIP-516).
namespace millrace::log::kafka::wire {

/// What a broker says about a name.
struct NamedTopic {
  std::string name;
  Code error{};
  TopicUuid id;  ///< none: there is no such topic, or the cluster gives no ids
  friend bool operator==(const NamedTopic&, const NamedTopic&) = default;
};

[[nodiscard]] std::string ask_topic_ids(std::span<const std::string> names, std::int16_t version);
/// Those of the names that the response has, in their order; no value when it cannot be read or
/// leaves one out.
[[nodiscard]] std::optional<std::vector<NamedTopic>> read_topic_ids(
    std::string_view body, std::int16_t version, std::span<const std::string> names);

/// Asks brokers which topics have which names now. Keeps its connections for the next question
/// until they are idle. Thread-safe.
class TopicIdReader {
 public:
  static constexpr std::int64_t idle_ns = 10'000'000'000;

  /// The configuration outlives it, and so does what its cluster is served by.
  explicit TopicIdReader(const ClientConfig& config) : config_(config) {}

  /// What one broker says, in the order of the names; waits until the deadline
  /// (Clock::monotonic_ns) at most. A broker that has no ids of topics names none, without an
  /// error. errc::unavailable, refused_by_broker.
  [[nodiscard]] Result<std::vector<NamedTopic>> ask(const net::Address& broker,
                                                    std::span<const std::string> names,
                                                    std::int64_t deadline_ns);
  /// The same of several brokers at once; no value for one that did not respond in time.
  [[nodiscard]] std::vector<std::optional<std::vector<NamedTopic>>> ask_each(
      std::span<const net::Address> brokers, std::span<const std::string> names,
      std::int64_t deadline_ns);
  /// Closes connections that were not used for `idle_ns`.
  void drop_idle();

 private:
  struct Kept {
    std::unique_ptr<Connection> connection;
    std::int64_t used_ns = 0;
  };
  struct Question;
  std::vector<Question> ask_all(std::span<const net::Address> brokers,
                                std::span<const std::string> names, std::int64_t deadline_ns);
  void connect(Question& question, bool fresh);
  void turn(Question& question, std::span<const std::string> names);

  const ClientConfig& config_;
  Mutex mutex_;
  // Those on which nothing is asked just now.
  std::map<net::Address, Kept> kept_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::kafka::wire
