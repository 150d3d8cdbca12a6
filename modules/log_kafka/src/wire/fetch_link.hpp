// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wire/connection.hpp"
#include "wire/fetch_queue.hpp"

namespace millrace::log::kafka::wire {

/// How a fetcher fetches; by default as librdkafka does.
struct FetchSettings {
  /// With what the user set, under librdkafka's names.
  [[nodiscard]] static FetchSettings of(const ClientConfig& config);

  std::string client_id;
  Clock* clock = nullptr;                    ///< never null in use
  std::shared_ptr<const Security> security;  ///< as Cluster::security()
  std::int32_t wait_ms = 500;                ///< of a fetch at the end of its partitions
  std::int32_t bytes = 8 << 20;              ///< of one answer
  std::int32_t partition_bytes = 1 << 20;    ///< of a partition in it, and of what a queue may hold
  std::int64_t connect_timeout_ns = net::Socket::default_timeout_ns;
  std::int64_t timeout_ns = 60'000'000'000;  ///< without an answer, beyond the wait
};

/// How far a fetcher has come with a fetch queue. Its thread's alone.
struct FetchState {
  explicit FetchState(std::shared_ptr<FetchQueue> fetched)
      : queue(std::move(fetched)), position(queue->from) {}

  std::shared_ptr<FetchQueue> queue;
  Offset position;                     ///< where to fetch on
  std::optional<net::Address> leader;  ///< nothing: to be found
  bool at_end = false;                 ///< nothing was there when it was fetched last
  bool asked = false;                  ///< a fetch of it is under way
  bool ended = false;                  ///< with an error: not fetched any more
  bool out_of_range = false;           ///< a leader said so; it may have been an old one
  std::int64_t not_before_ns = 0;      ///< nothing is asked before
  std::int64_t unknown_since_ns = 0;   ///< brokers do not know it; 0: they do
  std::uint64_t turn = 0;              ///< lowest: longest without records
};

/// A connection with a broker for fetches, one after the other, made when it is needed. One thread.
class FetchLink {
 public:
  FetchLink(net::Address address, const FetchSettings& settings)
      : address_(std::move(address)), settings_(settings) {}

  /// Whether the next fetch may be asked.
  [[nodiscard]] bool is_ready(std::int64_t now_ns) const {
    return asked_.empty() && now_ns >= not_before_ns_;
  }
  [[nodiscard]] bool is_waiting() const { return !asked_.empty(); }
  /// Asks for these, in that order: as soon as the broker has said which versions it takes.
  void ask(std::vector<FetchState*> states, std::int32_t wait_ms, std::int64_t now_ns);
  /// What was asked for and is not answered.
  [[nodiscard]] const std::vector<FetchState*>& asked() const { return asked_; }
  [[nodiscard]] bool asks_at_end() const;

  struct Outcome {
    std::vector<FetchState*> asked;
    std::int16_t version = 0;  ///< of the fetch
    Result<Answer> answer;
    bool was_quick = false;  ///< the broker did not wait
  };
  /// What became of the fetch, once there is something. Nothing is asked when that failed, and
  /// the next fetch is put off.
  [[nodiscard]] std::optional<Outcome> take(std::int64_t now_ns);

  /// It took longer than a living broker takes, once in a while: is another one the leader?
  [[nodiscard]] bool is_overdue(std::int64_t now_ns);
  void break_off(Error why) { connection_->break_off(std::move(why)); }
  void pause(std::int64_t until_ns) { not_before_ns_ = until_ns; }

  [[nodiscard]] const net::Address& address() const { return address_; }
  /// What to wait for; may be null.
  [[nodiscard]] Connection* connection() const { return connection_.get(); }
  /// When something is to be done if the connection is silent.
  [[nodiscard]] std::int64_t due_ns() const;

 private:
  Outcome finish(Result<Answer> answer, std::int64_t now_ns);
  void send(std::int64_t now_ns);

  const net::Address address_;
  const FetchSettings& settings_;
  std::unique_ptr<Connection> connection_;
  std::vector<FetchState*> asked_;
  std::int32_t wait_ms_ = 0;
  std::int16_t version_ = 0;  // of what was sent; 0: the broker is yet to say what it takes
  std::int64_t sent_ns_ = 0;
  std::int64_t deadline_ns_ = 0;
  std::int64_t overdue_ns_ = 0;
  std::int64_t not_before_ns_ = 0;
  unsigned failures_ = 0;  // one after the other
};

}  // namespace millrace::log::kafka::wire
