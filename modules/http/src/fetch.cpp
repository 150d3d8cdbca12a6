// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <optional>

#include "millrace/base/mutex.hpp"
#include "millrace/http/client.hpp"
#include "url.hpp"

namespace millrace::http {

Result<Response> fetch(Method method, std::string_view url, std::string body, Headers headers,
                       std::chrono::milliseconds timeout) {
  MILLRACE_ASSIGN(Url parts, parse_url(url));
  ClientPoolOptions options;
  options.url = "http://" + parts.authority;
  options.connections = 1;
  Mutex mutex;
  CondVar arrived;
  std::optional<Result<Response>> result;
  MILLRACE_ASSIGN(const auto pool, ClientPool::create(std::move(options)));

  ClientRequest request;
  request.method = method;
  request.target = parts.target;
  request.body = std::move(body);
  request.headers = std::move(headers);
  request.timeout = timeout;
  MILLRACE_TRY(pool->send(std::move(request), [&](Result<Response> answer) {
    const MutexLock lock(mutex);
    result = std::move(answer);
    arrived.notify_one();
  }));
  MutexLock lock(mutex);
  while (!result) {
    arrived.wait(lock);
  }
  return *std::move(result);
}

}  // namespace millrace::http
