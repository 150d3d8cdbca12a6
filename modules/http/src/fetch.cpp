// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <condition_variable>
#include <mutex>
#include <optional>

#include "millrace/http/client.hpp"
#include "url.hpp"

namespace millrace::http {

Result<Response> fetch(Method method, std::string_view url, std::string body, Headers headers,
                       std::chrono::milliseconds timeout) {
  MILLRACE_ASSIGN(Url parts, parse_url(url));
  ClientPoolOptions options;
  options.url = "http://" + parts.authority;
  options.connections = 1;
  std::mutex mutex;
  std::condition_variable arrived;
  std::optional<Result<Response>> result;
  MILLRACE_ASSIGN(const auto pool, ClientPool::create(std::move(options)));

  ClientRequest request;
  request.method = method;
  request.target = parts.target;
  request.body = std::move(body);
  request.headers = std::move(headers);
  request.timeout = timeout;
  MILLRACE_TRY(pool->send(std::move(request), [&](Result<Response> answer) {
    const std::lock_guard lock(mutex);
    result = std::move(answer);
    arrived.notify_one();
  }));
  std::unique_lock lock(mutex);
  arrived.wait(lock, [&] { return result.has_value(); });
  return *std::move(result);
}

}  // namespace millrace::http
