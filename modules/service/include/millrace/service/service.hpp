// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/http/health.hpp"
#include "millrace/http/router.hpp"
#include "millrace/log/log.hpp"
#include "millrace/service/durability_gate.hpp"
#include "millrace/service/edge_writer.hpp"
#include "millrace/service/request_desks.hpp"
#include "millrace/service/settings.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/stream/writer.hpp"
#include "millrace/telemetry/logger.hpp"
#include "millrace/telemetry/metrics.hpp"

namespace millrace::service {

template <class Kind>
class Requests;

/// The parts of a running service that its own code may use. All live until the service has
/// drained; all are thread-safe as they say.
struct Context {
  const Settings& settings;
  Clock& clock;
  log::Log& log;
  stream::Instance& instance;
  DurabilityGate& durability;
  EdgeWriter& edge;  ///< writes what comes in from outside
  telemetry::Logger& logger;
  telemetry::MetricRegistry& metrics;
  http::Health& health;      ///< takes checks of the service's own for /readyz
  http::RouteOptions ready;  ///< for routes that want the service restored and not draining
  RequestDesks& desks;       ///< where routes wait for outcomes: requests()

  /// Writes events that come in from outside; for routes. Failures as Writer::open().
  template <class K, class V>
  [[nodiscard]] Result<stream::Writer<K, V>> writer(std::string_view topic) const {
    return stream::Writer<K, V>::open(edge.records(), topic);
  }
  /// Asks what the topology declared with `Kind::declare()`, a stream::Requests; for routes, which
  /// include millrace/service/requests.hpp. stream::errc::unknown_store when it declares none of
  /// that name.
  template <class Kind>
  [[nodiscard]] Result<Requests<Kind>> requests(const std::string& name = "requests") const {
    MILLRACE_ASSIGN(RequestDesks::Desk* const desk, desks.desk(name));
    return Requests<Kind>(*desk);
  }
};

/// What makes a program a service.
struct Definition {
  std::string name;                    ///< the owner of its topics
  std::string description;             ///< one line for --help
  std::vector<Setting> settings = {};  ///< besides the standard ones
  std::function<Result<stream::Topology>(const Settings&)> topology;
  /// Adds the service's own HTTP routes; what they need beyond the Context they keep alive
  /// themselves.
  std::function<Status(Context&, http::Router&)> routes = {};
  /// Called on the worker's thread after each step that did something: what it committed is visible
  /// in the views now.
  std::function<void()> stepped = {};
  /// Called at the end, also after a failed start, when neither HTTP nor the worker runs any
  /// longer: drop what refers to the Context.
  std::function<void()> ended = {};
};

/// The main function of a service: reads the settings, opens the log, runs the topology in a worker
/// thread, serves HTTP (`/livez`, `/readyz`, `/metrics`,
/// `/views/...` and the service's own routes), and on SIGTERM or SIGINT drains: stops intake,
/// finishes, commits, leaves. Returns the exit code: 0 after draining, 1 when it could not start or
/// had to give up (the reason is logged), 2 for wrong flags.
[[nodiscard]] int run(int argc, const char* const* argv, const Definition& definition);

}  // namespace millrace::service
