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

/// Responds to a request, at once or later from any thread. Runs on the server's io thread, where
/// it must neither block nor do more than a request of bounded size asks for; or on a worker, see
/// Work. An exception is logged, and the response is 500.
using Handler = std::function<void(Request, Responder)>;

/// Why requests are not served at the moment, or nothing. Runs on the server's thread for every
/// request: quick.
using Gate = std::function<std::optional<std::string>()>;

/// Where a handler runs.
enum class Work : unsigned char {
  quick,  ///< On the io thread: everything else on it waits meanwhile, `/livez` too.
  heavy   ///< On a worker, whatever time it takes, at once with others. For what grows with state.
};

/// What the routes of a group have in common.
struct RouteOptions {
  Gate gate{};  ///< While it names a reason, requests get 503 with `Retry-After` and that reason.
  bool limited = true;  ///< Needs a slot among max_in_flight and is refused (503) while draining;
                        ///< probes are not.
  /// Heavy ones that are limited share the workers, with a bounded line before them (503); those
  /// that are not limited have a worker of their own.
  Work work = Work::quick;
  /// Bodies are JSON: one that does not say so in its `Content-Type` (`application/json` or
  /// `application/*+json`, in UTF-8) is refused with 415, also one that says nothing: a web page of
  /// another site may send that without asking.
  bool takes_json = false;
};

/// One entry of a router.
struct Route {
  Method method;
  std::string pattern;
  Handler handler;
  std::shared_ptr<const RouteOptions> options;
  std::vector<std::string> segments;        ///< Of the pattern; a capture keeps its braces.
  telemetry::Histogram* latency = nullptr;  ///< Set by the server.
};

class Router;

/// Adds routes that share options: `auto api = router.group({.gate = health.gate()});
/// api.get("/orders/{id}", show);` A view of the router, which outlives it.
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

/// Finds the handler for a method and a path. Patterns are `/`-separated: plain segments match
/// themselves, `{name}` matches one non-empty segment and a last `{name...}` the whole rest. A
/// plain segment is preferred to a capture. HEAD is served by GET's route when it has none of its
/// own. Fill it before the server starts; then it is read only.
class Router {
 public:
  /// Two equal patterns with one method, or a pattern that does not start with `/`, are asserted
  /// against.
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
