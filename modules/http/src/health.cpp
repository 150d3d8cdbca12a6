// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/health.hpp"

#include <atomic>
#include <utility>

#include "millrace/base/mutex.hpp"
#include "millrace/http/problem.hpp"
#include "millrace/telemetry/field.hpp"
#include "millrace/telemetry/metrics.hpp"

namespace millrace::http {

struct Health::Impl {
  mutable Mutex mutex;
  std::vector<std::pair<std::string, Check>> checks MILLRACE_GUARDED_BY(mutex);
  std::atomic<bool> draining{false};
};

Health::Health() : impl_(std::make_unique<Impl>()) {}
Health::~Health() = default;

void Health::add_check(std::string_view name, Check check) {
  const MutexLock lock(impl_->mutex);
  for (auto& [known, old] : impl_->checks) {
    if (known == name) {
      old = std::move(check);
      return;
    }
  }
  impl_->checks.emplace_back(std::string(name), std::move(check));
}

void Health::set_draining() { impl_->draining.store(true, std::memory_order_release); }

std::optional<std::string> Health::not_ready() const {
  if (impl_->draining.load(std::memory_order_acquire)) {
    return "draining: the process is about to end";
  }
  const MutexLock lock(impl_->mutex);
  for (const auto& [name, check] : impl_->checks) {
    if (auto reason = check()) {
      return name + ": " + *reason;
    }
  }
  return std::nullopt;
}

std::vector<Health::Finding> Health::findings() const {
  std::vector<Finding> out;
  if (impl_->draining.load(std::memory_order_acquire)) {
    out.push_back({"draining", "the process is about to end"});
  }
  const MutexLock lock(impl_->mutex);
  for (const auto& [name, check] : impl_->checks) {
    out.push_back({name, check()});
  }
  return out;
}

Gate Health::gate() const {
  return [this] { return not_ready(); };
}

namespace {

Response readiness(const Health& health) {
  bool ready = true;
  std::string checks;
  for (const auto& [name, reason] : health.findings()) {
    ready = ready && !reason;
    checks += checks.empty() ? "{" : ",{";
    telemetry::append_json_field(checks, {"name", name});
    checks += ',';
    telemetry::append_json_field(checks, {"ok", !reason.has_value()});
    if (reason) {
      checks += ',';
      telemetry::append_json_field(checks, {"reason", *reason});
    }
    checks += '}';
  }
  Response response;
  response.status = ready ? 200 : 503;
  response.body = std::string(R"({"status":")") + (ready ? "ready" : "not ready") +
                  R"(","checks":[)" + checks + "]}";
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace

void add_health_routes(Router& router, const Health& health,
                       const telemetry::MetricRegistry& metrics) {
  RouteGroup probes = router.group({.gate = {}, .limited = false});
  probes.get("/livez", [](Request, Responder responder) {
    Response response;
    response.body = R"({"status":"alive"})";
    responder.send(std::move(response));
  });
  probes.get("/readyz",
             [&health](Request, Responder responder) { responder.send(readiness(health)); });
  // As much text as there are series, computed at that moment.
  router.group({.gate = {}, .limited = false, .work = Work::heavy})
      .get("/metrics", [&metrics](Request, Responder responder) {
        Response response;
        response.body = metrics.exposition();
        response.content_type = telemetry::exposition_content_type;
        responder.send(std::move(response));
      });
}

}  // namespace millrace::http
