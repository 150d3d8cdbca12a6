// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/http/message.hpp"
#include "millrace/http/responder.hpp"

namespace millrace::telemetry {
class Histogram;
}

namespace millrace::http {

/// A function that responds to a request, at once or later from any thread. It runs in the io
/// thread of the server, where it must not block and must do only a bounded amount of work, or in a
/// worker thread (see Work). When it throws an exception, the exception is logged and the response
/// is 500.
using Handler = std::function<void(Request, Responder)>;

/// Returns the reason why requests are not served at present, or no value. Called in the thread of
/// the server for every request, so it must be quick.
using Gate = std::function<std::optional<std::string>()>;

/// Where a handler runs.
enum class Work : unsigned char {
  quick,  ///< In the io thread. All other requests of this thread wait meanwhile, even `/livez`.
  heavy   ///< In a worker thread, in parallel with others; it may take long. For work that grows
          ///< with the state.
};

/// The common options of the routes of a group.
struct RouteOptions {
  Gate gate{};  ///< While it returns a reason, requests get 503 with `Retry-After` and this reason.
  /// The requests count for max_in_flight, and get 503 while draining. False for probes.
  bool limited = true;
  /// Heavy routes that are limited share the workers and a bounded queue in front of them (503 when
  /// it is full). Heavy routes that are not limited have a separate worker.
  Work work = Work::quick;
  /// Bodies are JSON. A request gets 415 unless its `Content-Type` is `application/json` or
  /// `application/*+json`, in UTF-8. A request without a `Content-Type` gets 415 too, because a web
  /// page of another site can let a browser send it without permission.
  bool takes_json = false;
};

/// One entry of a router.
struct Route {
  Method method;
  std::string pattern;
  Handler handler;
  std::shared_ptr<const RouteOptions> options;
  /// The segments of the pattern; a capture includes its braces.
  std::vector<std::string> segments;
  telemetry::Histogram* latency = nullptr;  ///< Set by the server.
};

class Router;

/// Adds routes that share options:
/// `auto api = router.group({.gate = health.gate()}); api.get("/orders/{id}", show);` A view of the
/// router, which must outlive it.
class RouteGroup {
 public:
  RouteGroup& get(std::string_view pattern, Handler handler) {
    return add(Method::get, pattern, std::move(handler));
  }
  RouteGroup& post(std::string_view pattern, Handler handler) {
    return add(Method::post, pattern, std::move(handler));
  }
  RouteGroup& put(std::string_view pattern, Handler handler) {
    return add(Method::put, pattern, std::move(handler));
  }
  RouteGroup& del(std::string_view pattern, Handler handler) {
    return add(Method::del, pattern, std::move(handler));
  }
  RouteGroup& add(Method method, std::string_view pattern, Handler handler);

 private:
  friend class Router;
  RouteGroup(Router& router, std::shared_ptr<const RouteOptions> options)
      : router_(router), options_(std::move(options)) {}
  Router& router_;
  std::shared_ptr<const RouteOptions> options_;
};

/// Finds the handler for a method and a path. A pattern has segments between slashes. A plain
/// segment matches itself, `{name}` matches one segment that is not empty, and `{name...}` at the
/// end matches the whole rest. A plain segment is preferred to a capture. A HEAD request without
/// its own route uses the route of GET. Add all routes before the server starts.
class Router {
 public:
  /// Asserts that the pattern begins with `/` and that there is no other route with the same
  /// pattern and method.
  void add(Method method, std::string_view pattern, Handler handler, RouteOptions options = {});
  [[nodiscard]] RouteGroup group(RouteOptions options);

  /// The results of match().
  struct NotFound {};
  struct MethodNotAllowed {
    std::string allow;  ///< For the `Allow` header.
  };
  struct BadPath {};  ///< A broken %XX.
  using Match = std::variant<const Route*, NotFound, MethodNotAllowed, BadPath>;
  /// Matches `request.method` and `request.target`; fills in `path`, `params` and `query`.
  [[nodiscard]] Match match(Request& request) const;

  [[nodiscard]] std::deque<Route>& routes() { return routes_; }

 private:
  friend class RouteGroup;
  void add(Method method, std::string_view pattern, Handler handler,
           std::shared_ptr<const RouteOptions> options);
  std::deque<Route> routes_;
};

}  // namespace millrace::http
