// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/http/router.hpp"

namespace millrace::telemetry {
class MetricRegistry;
}

namespace millrace::http {

/// Knows whether the process is ready for requests and, if not, why. It is ready when all checks
/// succeed and it is not draining. Thread-safe.
///
///     health.add_check("restore", [&]() -> std::optional<std::string> {
///       return restored ? std::nullopt : std::optional<std::string>("restoring stock-2");
///     });
class Health {
 public:
  /// Returns no value when the check succeeds, otherwise the reason in a few words. It must be
  /// quick and thread-safe, and must not call this Health.
  using Check = std::function<std::optional<std::string>()>;

  Health();
  ~Health();
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  /// Adds a named check, or replaces the check with this name.
  void add_check(std::string_view name, Check check);
  /// The process is not ready from now on. Call it before Server::drain().
  void set_draining();
  /// No value when ready, else `name: reason` of the first check that fails.
  [[nodiscard]] std::optional<std::string> not_ready() const;

  /// One line of /readyz.
  struct Finding {
    std::string name;
    std::optional<std::string> reason;  ///< No value when the check succeeds.
  };
  [[nodiscard]] std::vector<Finding> findings() const;

  /// A gate for routes that need a ready process. This object must outlive the gate.
  [[nodiscard]] Gate gate() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Adds `GET /livez` (200 while the server's thread turns), `GET /readyz` (200 or 503, with
/// `{"status","checks":[{"name","ok","reason"?}]}`) and `GET /metrics` (Prometheus text 0.0.4).
/// They are not limited and also respond while draining. `health` and `metrics` must outlive the
/// server.
void add_health_routes(Router& router, const Health& health,
                       const telemetry::MetricRegistry& metrics);

}  // namespace millrace::http
