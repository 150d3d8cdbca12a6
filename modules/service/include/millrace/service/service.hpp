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

/// The parts of a running service that its own code may use. All live until `Definition::ended` was
/// called. The comment of each class says which of its functions are thread-safe.
struct Context {
  const Settings& settings;
  Clock& clock;
  log::Log& log;
  stream::Instance& instance;
  DurabilityGate& durability;
  EdgeWriter& edge;  ///< writes records that come in from outside
  telemetry::Logger& logger;
  telemetry::MetricRegistry& metrics;
  http::Health& health;      ///< add the service's own checks for /readyz here
  http::RouteOptions ready;  ///< for routes that need a service that is restored and does not drain
  RequestDesks& desks;       ///< requests that wait for their outcomes; see requests()

  /// Opens a writer for events that come in from outside; for routes. Fails like Writer::open().
  template <class K, class V>
  [[nodiscard]] Result<stream::Writer<K, V>> writer(std::string_view topic) const {
    return stream::Writer<K, V>::open(edge.records(), topic);
  }
  /// The requests that the topology declared with `Kind::declare()`, where `Kind` is a
  /// stream::Requests; for routes. The source includes millrace/service/requests.hpp.
  /// stream::errc::unknown_store when the topology declares no requests of that name.
  template <class Kind>
  [[nodiscard]] Result<Requests<Kind>> requests(const std::string& name = "requests") const {
    MILLRACE_ASSIGN(RequestDesks::Desk* const desk, desks.desk(name));
    return Requests<Kind>(*desk);
  }
};

/// Describes a service: its name, its topology and its routes. Passed to run().
struct Definition {
  std::string name;                    ///< the owner of its topics
  std::string description;             ///< one line for --help
  std::vector<Setting> settings = {};  ///< besides the standard ones
  std::function<Result<stream::Topology>(const Settings&)> topology;
  /// Adds the service's own HTTP routes. The Context outlives the routes; other objects that they
  /// use must be kept alive by the routes themselves.
  std::function<Status(Context&, http::Router&)> routes = {};
  /// Called in the worker thread after each step that did some work. What the step committed is
  /// visible in the views now.
  std::function<void()> stepped = {};
  /// Called at the end, also after a failed start, when neither HTTP nor the worker runs any more.
  /// Destroy all objects that refer to the Context here.
  std::function<void()> ended = {};
};

/// The main function of a service: reads the settings, opens the log, runs the topology in a worker
/// thread, serves HTTP (`/livez`, `/readyz`, `/metrics`, `/views/...` and the service's own
/// routes), and on SIGTERM or SIGINT drains: refuses new requests, finishes the pending ones,
/// commits, and releases its tasks. Returns the exit code: 0 after draining, 1 when it could not
/// start or had to stop because of an error (the reason is logged), 2 for wrong flags.
[[nodiscard]] int run(int argc, const char* const* argv, const Definition& definition);

}  // namespace millrace::service
