// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/router.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"
#include "millrace/base/text.hpp"

namespace millrace::http {
namespace {

bool is_capture(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}
bool is_rest(std::string_view segment) { return is_capture(segment) && segment.ends_with("...}"); }

std::string_view capture_name(std::string_view segment) {
  segment = segment.substr(1, segment.size() - 2);
  return segment.ends_with("...") ? segment.substr(0, segment.size() - 3) : segment;
}

// The segments of "/a/b" are "a" and "b"; of "/", one empty segment.
std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  while (true) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) {
      return segments;
    }
    path.remove_prefix(slash + 1);
  }
}

bool matches(const Route& route, const std::vector<std::string>& path) {
  for (std::size_t i = 0; i < route.segments.size(); ++i) {
    const std::string& segment = route.segments[i];
    if (is_rest(segment)) {
      return path.size() > i;
    }
    if (i >= path.size() || (is_capture(segment) ? path[i].empty() : segment != path[i])) {
      return false;
    }
  }
  return route.segments.size() == path.size();
}

// Whether `a` says more than `b` about a path that both match: a plain segment first, then a
// capture, then the rest.
bool more_specific(const Route& a, const Route& b) {
  const auto rank = [](const std::string& segment) {
    return is_rest(segment) ? 2 : is_capture(segment) ? 1 : 0;
  };
  return std::lexicographical_compare(
      a.segments.begin(), a.segments.end(), b.segments.begin(), b.segments.end(),
      [&](const std::string& x, const std::string& y) { return rank(x) < rank(y); });
}

void capture(const Route& route, const std::vector<std::string>& path, Request& request) {
  for (std::size_t i = 0; i < route.segments.size(); ++i) {
    if (!is_capture(route.segments[i])) {
      continue;
    }
    std::string value = path[i];
    if (is_rest(route.segments[i])) {
      for (std::size_t j = i + 1; j < path.size(); ++j) {
        value += '/';
        value += path[j];
      }
    }
    request.params.emplace_back(capture_name(route.segments[i]), std::move(value));
  }
}

bool parse_query(std::string_view text, Request& request) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) {
      continue;
    }
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) {
      return false;
    }
    request.query.emplace_back(*std::move(name), *std::move(value));
  }
  return true;
}

// The path and query of a target in origin or absolute form (RFC 9112, 3.2); empty when it is
// neither. The path of an absolute form may be left out.
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (equal_ignoring_case(target.substr(0, scheme.size()), scheme)) {
      const std::size_t path = target.find_first_of("/?", scheme.size());
      return path == std::string_view::npos ? "/" : target.substr(path);
    }
  }
  return target.starts_with('/') ? target : std::string_view();
}

}  // namespace

RouteGroup& RouteGroup::add(Method method, std::string_view pattern, Handler handler) {
  router_.add(method, pattern, std::move(handler), options_);
  return *this;
}

RouteGroup Router::group(RouteOptions options) {
  return {*this, std::make_shared<const RouteOptions>(std::move(options))};
}

void Router::add(Method method, std::string_view pattern, Handler handler, RouteOptions options) {
  add(method, pattern, std::move(handler),
      std::make_shared<const RouteOptions>(std::move(options)));
}

void Router::add(Method method, std::string_view pattern, Handler handler,
                 std::shared_ptr<const RouteOptions> options) {
  MILLRACE_ASSERT(pattern.starts_with('/'), "a pattern starts with /");
  for (const Route& route : routes_) {
    MILLRACE_ASSERT(route.method != method || route.pattern != pattern, "a route is added once");
  }
  Route route{method, std::string(pattern), std::move(handler), std::move(options), {}};
  for (const std::string_view segment : split_path(pattern)) {
    MILLRACE_ASSERT(route.segments.empty() || !is_rest(route.segments.back()),
                    "{name...} is the last segment");
    route.segments.emplace_back(segment);
  }
  routes_.push_back(std::move(route));
}

Router::Match Router::match(Request& request) const {
  request.params.clear();
  request.query.clear();
  std::string_view target = origin_form(request.target);
  if (target.empty()) {
    return NotFound{};
  }
  target = target.substr(0, target.find('#'));
  const std::size_t question = std::min(target.find('?'), target.size());
  const std::string_view encoded = question == 0 ? "/" : target.substr(0, question);
  auto decoded = percent_decode(encoded);
  if (!decoded || !parse_query(target.substr(std::min(question + 1, target.size())), request)) {
    return BadPath{};
  }
  // Split first, then decode: an encoded slash belongs to its segment.
  std::vector<std::string> path;
  for (const std::string_view segment : split_path(encoded)) {
    path.push_back(*percent_decode(segment));
  }
  request.path = *std::move(decoded);

  const Route* best = nullptr;
  std::string allow;
  const auto suits = [&](const Route& route) {
    return route.method == request.method ||
           (request.method == Method::head && route.method == Method::get);
  };
  for (const Route& route : routes_) {
    if (!matches(route, path)) {
      continue;
    }
    allow += allow.empty() ? "" : ", ";
    allow += method_name(route.method);
    const bool better = best == nullptr || more_specific(route, *best) ||
                        (!more_specific(*best, route) && route.method == request.method);
    if (suits(route) && better) {
      best = &route;
    }
  }
  if (best == nullptr) {
    if (allow.empty()) {
      return NotFound{};
    }
    return MethodNotAllowed{std::move(allow)};
  }
  capture(*best, path, request);
  return best;
}

}  // namespace millrace::http
