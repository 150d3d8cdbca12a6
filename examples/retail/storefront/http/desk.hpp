// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "millrace/http/responder.hpp"
#include "millrace/service/service.hpp"
#include "posted.hpp"
#include "retail/storefront/topology.hpp"

namespace retail::storefront {

/// Where requests wait for their outcome: appends them to `requests`, and responds when the
/// committed view `status` shows what became of them and that is durable. Thread-safe.
class Desk {
 public:
  /// `context` outlives the desk. Fails as Context::writer() and Instance::view().
  [[nodiscard]] static millrace::Result<std::unique_ptr<Desk>> create(
      millrace::service::Context& context);
  ~Desk();

  /// Answers 201, 409 or 422 as the request turns out, 202 when `timeout` passes first (but no
  /// sooner than the request itself is durable), 503 when it cannot be taken. `trace` is the
  /// caller's `traceparent`, or empty.
  void submit(Posted posted, std::string_view trace, std::chrono::milliseconds timeout,
              millrace::http::Responder responder);
  /// These requests may have an outcome now, or an id that another one has; called when what the
  /// views show is committed.
  void look_again(const std::vector<RequestId>& ids);

 private:
  struct State;
  explicit Desk(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace retail::storefront
