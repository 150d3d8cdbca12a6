// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/http/message.hpp"
#include "millrace/http/responder.hpp"
#include "millrace/service/durability_gate.hpp"
#include "millrace/service/forwarder.hpp"
#include "millrace/service/request_desk.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/telemetry/logger.hpp"
#include "millrace/telemetry/metrics.hpp"

namespace millrace::service {

/// The desks of a service, one for each Requests of its topology, each with a thread that steps it.
/// Thread-safe.
class RequestDesks {
 public:
  /// All outlive it.
  struct Environment {
    log::Log& log;
    stream::RecordWriter& writer;
    const stream::Instance& instance;
    DurabilityGate& durability;
    telemetry::Logger& logger;
    telemetry::MetricRegistry& metrics;
    /// respond() waits no longer: below the deadline of handlers, which responds with 504.
    std::chrono::milliseconds within_max{50'000};
    /// Of all desks together. Each request over HTTP has one of the server's slots while it waits,
    /// so fewer than those: others must find one.
    std::size_t pending_max = 512;
    /// Asks the owner of an id for Desk::look(); null: it responds for this instance only.
    const Forwarder* forwarder = nullptr;
  };

  explicit RequestDesks(Environment environment);
  ~RequestDesks();
  RequestDesks(const RequestDesks&) = delete;
  RequestDesks& operator=(const RequestDesks&) = delete;

  /// A desk and what its replies pass through. Lives as long as the RequestDesks.
  class Desk;
  /// The desk of that name; it is opened when there is none yet. stream::errc::unknown_store when
  /// the topology has no Requests of that name; RequestDesk::open().
  [[nodiscard]] Result<Desk*> desk(const std::string& name);
  /// What is pending after that time gets 202, as if its own time had passed: the service ends.
  void drain_within(std::chrono::milliseconds time);
  /// Ends the threads, before the writer goes: its last commits still call back.
  void stop();

 private:
  Environment environment_;
  const std::shared_ptr<std::atomic<std::size_t>> pending_;  // of all desks
  Mutex mutex_;
  std::vector<std::unique_ptr<Desk>> desks_ MILLRACE_GUARDED_BY(mutex_);
};

/// What HTTP needs of a request besides what is asked.
struct HttpRequest {
  http::Responder responder;
  std::string location;  ///< where its outcome can be looked for: `Location` of a 202
  /// Those of the request. look() then gets the response of the instance that has the id, at the
  /// same location; without them it responds for this instance only.
  std::optional<http::Headers> headers = {};
};
/// Makes the response to an outcome of that type, in JSON.
using OutcomeToResponse =
    std::function<Result<http::Response>(std::string_view type, std::string_view json)>;
/// Makes the response to a reply, or to the failure of its request.
using ReplyToResponse = std::function<http::Response(const Result<RequestReply>& reply)>;

class RequestDesks::Desk {
 public:
  Desk(const Environment& environment, std::string name, std::unique_ptr<RequestDesk> desk);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  /// As RequestDesk::ask(); `done` gets the reply when that is durable.
  [[nodiscard]] Result<RequestDesk::Ticket> ask(const RequestToAsk& request,
                                                RequestDesk::Done done);
  /// Asks, and responds: with what `to_response` makes of the outcome, or as Requests::respond()
  /// says. A client that goes away frees its slot.
  void respond(HttpRequest http, const RequestToAsk& request, OutcomeToResponse to_response);
  /// The same with all responses made by `to_response`.
  void respond_with(HttpRequest http, const RequestToAsk& request, ReplyToResponse to_response);
  /// Responds with what the store of this instance, or of the one that has the id, has of the
  /// request, without waiting.
  void look(HttpRequest http, std::string_view id, const OutcomeToResponse& to_response) const;
  void drain_within(std::chrono::milliseconds time);
  void stop();
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Thread;

  Environment environment_;
  std::string name_;
  std::unique_ptr<RequestDesk> desk_;
  telemetry::MetricCallback pending_;
  std::unique_ptr<Thread> thread_;
};

}  // namespace millrace::service
