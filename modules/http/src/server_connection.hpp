// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "read_buffer.hpp"
#include "request_reader.hpp"
#include "server_shared.hpp"

namespace millrace::http {

/// One connection: reads a request, has it handled, writes the answer, and so on; a request at a
/// time, so that responses to pipelined requests keep their order. Lives on its io thread.
class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(IoThread& thread, Tcp::socket socket);

  /// Serves until the connection ends; keeps `self` alive.
  static Awaitable<void> run(std::shared_ptr<ServerConnection> self);
  /// The answer of exchange `exchange`; a late one is dropped.
  void complete(std::uint64_t exchange, Response response);
  /// ResponseSink::when_abandoned() of exchange `exchange`.
  void watch_client(std::uint64_t exchange, std::function<void()> then);
  /// A slot has become free for exchange `exchange`. False: it no longer waits for one.
  bool called(std::uint64_t exchange);
  /// Whether no coroutine waits for the answer yet: it can then be given without waking anything.
  [[nodiscard]] bool is_dispatching() const { return !answered_.has_waiter(); }
  /// Enforces the deadline of the present phase.
  void check_deadline(SteadyTime now);
  /// Draining began: an idle connection is closed after `linger`.
  void hurry(SteadyTime idle_until);
  /// Ends at once; a request being handled stays unanswered.
  void abort();

  std::size_t slot = 0;  ///< Index in IoThread::connections.

 private:
  enum class Phase : unsigned char { idle, reading, handling, writing, lingering };

  // A request in line for a slot.
  struct InLine {
    std::uint64_t ticket;
    const Route* route;
    Request request;
  };

  Awaitable<void> serve();
  Awaitable<bool> read_more();
  Awaitable<bool> flush();
  Awaitable<void> linger();

  void enter(Phase phase, std::chrono::milliseconds time_limit);
  ReadState parse();
  void begin_exchange();
  void answer_failure(const ReadFailure& failure);
  void dispatch(Request request);
  std::optional<Response> refusal(const Route& route);
  void admit(const Route& route, Request request);
  void wait_for_slot(const Route& route, Request request);
  void handle(const Route& route, Request request);
  void hand_to_worker(const Route& route, Request request);
  void slot_taken();
  bool client_has_gone();
  void abandon();
  void answer(Response response);
  void refuse(std::string_view reason, Response response);
  void finish_exchange();
  void serialize();
  void identify(Request& request);
  bool write_now();

  IoThread& thread_;
  ServerShared& shared_;
  Tcp::socket socket_;
  ReadBuffer buffer_;
  RequestReader reader_;
  Signal answered_;

  Phase phase_ = Phase::idle;
  SteadyTime deadline_;
  SteadyTime exchange_began_;
  bool expired_ = false;
  bool aborted_ = false;
  bool continue_sent_ = false;

  std::uint64_t exchange_ = 0;
  bool counted_ = false;  ///< The exchange has a slot of shared_.admission.
  std::optional<InLine> in_line_;
  bool is_head_ = false;
  bool keep_alive_ = true;
  telemetry::Histogram* latency_ = nullptr;
  std::string request_id_;
  std::function<void()> abandoned_;  ///< Of the handler, while it owes the answer.
  std::optional<Response> response_;

  std::string out_;         ///< Head of the answer, and its body when that is small.
  std::string large_body_;  ///< Its body when that is large.
  std::size_t written_ = 0;
};

}  // namespace millrace::http
