// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/envelope.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/record_writer.hpp"
#include "millrace/stream/request_records.hpp"
#include "millrace/stream/view.hpp"

namespace millrace::service {

/// What became of a request. It may leave the system when `position` is durable
/// (log::Log::wait_durable()).
struct RequestReply {
  /// `pending`: the time passed first; the request continues.
  stream::RequestState state = stream::RequestState::pending;
  bool is_known = false;     ///< its owner has it: what looks for it finds it
  std::string type = {};     ///< of the outcome; empty for a dead letter
  std::string outcome = {};  ///< as JSON; of a dead letter its reason
  std::string letter = {};   ///< the dead letter, `stock.dead-letters-2:17`; empty: none
  bool id_reused = false;    ///< another request has the id: errc::request_id_reused
  log::LogPosition position = {};
};

/// What is asked. Views need to live for the call only.
struct RequestToAsk {
  std::string_view id;  ///< chosen by the client; 1 to 1,024 bytes
  stream::RequestAsked body;
  std::int64_t within_ms = 30'000;           ///< then the reply is `pending`
  std::string_view correlation = {};         ///< default: the id
  codec::TraceContext trace = {};            ///< default: none
  std::optional<std::int64_t> time_ms = {};  ///< event time; default: now
};

/// How a RequestDesk is opened.
struct RequestDeskOptions {
  std::string service;
  std::string name = "requests";      ///< RequestsOptions::name of the topology
  std::string changelog = {};         ///< of that store; empty: `<service>.<name>.changelog`
  std::size_t pending_max = 100'000;  ///< then ask() fails with millrace::errc::busy
  /// How many are pending, of all desks that have this count: together they keep to `pending_max`.
  /// Null: this desk has one of its own.
  std::shared_ptr<std::atomic<std::size_t>> pending = {};
  /// The committed entry of an id, where this instance has its partition; else it fails. Spares the
  /// append of requests that are known. May be empty. Any thread.
  std::function<Result<stream::Answer<std::optional<stream::RequestEntry>>>(std::string_view id)>
      look = {};
};

/// Where an instance waits for the outcomes of requests that it was asked: it appends the request,
/// and follows the changelog of the store of requests from its end, decoding no more than the key
/// of what it does not wait for. So any instance may have the connection, whichever one has the
/// task. Thread-safe, except that one thread calls step() and wait(). It acts only inside its
/// functions.
class RequestDesk {
 public:
  /// Called once, by the thread that is in step(), ask() or drain(), or that commits for the
  /// writer; it must not block and may call the desk. Fails as the writer, when the request was not
  /// appended.
  using Done = std::function<void(Result<RequestReply>)>;
  /// Of one ask().
  using Ticket = std::uint64_t;

  /// `log` and `writer` outlive the desk. Fails as Log::end_offsets().
  [[nodiscard]] static Result<std::unique_ptr<RequestDesk>> open(log::Log& log,
                                                                 stream::RecordWriter& writer,
                                                                 RequestDeskOptions options);
  ~RequestDesk();
  RequestDesk(const RequestDesk&) = delete;
  RequestDesk& operator=(const RequestDesk&) = delete;

  /// Appends the request unless it is known, and calls `done` when its outcome is known, or its
  /// time has passed and it is appended. When this fails, `done` is not called:
  /// millrace::errc::busy when too much is pending, millrace::errc::invalid_argument, and what the
  /// writer refuses at once.
  [[nodiscard]] Result<Ticket> ask(const RequestToAsk& request, Done done);
  /// Nobody waits any more: frees the slot, and `done` is not called. False when it was called, or
  /// is about to be.
  bool withdraw(Ticket ticket);
  /// Replies `pending` to all that wait, as if their time had passed: for the end of a drain.
  void drain();
  [[nodiscard]] std::size_t pending() const;

  /// Reads what was committed and ends the waits that are over. True when there is more to read.
  /// Fails as log::RecordReader::next(), or for an entry that it cannot decode, which it passes
  /// over; waits end by their time all the same, and another call tries again.
  [[nodiscard]] Result<bool> step();
  /// Sleeps until there is something to do.
  void wait();
  /// Makes wait() return. Any thread.
  void interrupt();

 private:
  struct State;
  explicit RequestDesk(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

namespace errc {
/// Another request has the id: its body, its key or the type of its command differs. Remedy: choose
/// an id of its own for each request, and repeat a request with the same body only.
inline constexpr ErrorCode request_id_reused{"service.request_id_reused"};
}  // namespace errc

}  // namespace millrace::service
