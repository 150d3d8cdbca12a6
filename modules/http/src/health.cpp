// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/health.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "millrace/base/json_writer.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/http/problem.hpp"
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
  const std::vector<Health::Finding> findings = health.findings();
  const bool ready = std::none_of(findings.begin(), findings.end(),
                                  [](const auto& finding) { return finding.reason.has_value(); });
  std::string body;
  JsonWriter out(body);
  out.begin_object().field("status", ready ? "ready" : "not ready").key("checks").begin_array();
  for (const auto& [name, reason] : findings) {
    out.begin_object().field("name", name).field("ok", !reason.has_value());
    if (reason) {
      out.field("reason", *reason);
    }
    out.end_object();
  }
  Response response;
  response.status = ready ? 200 : 503;
  response.body = out.end_array().end_object().take();
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace

void add_health_routes(Router& router, const Health& health,
                       const telemetry::MetricRegistry& metrics) {
  RouteGroup probes = router.group({.gate = {}, .limited = false});
  probes.get("/livez", [](Request, Responder responder) {
    Response response;
    JsonWriter(response.body).begin_object().field("status", "alive").end_object();
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
