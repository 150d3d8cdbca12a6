// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "token_guard.hpp"

#include <exception>
#include <memory>
#include <optional>

#include "millrace/base/mutex.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/net_tls/sasl.hpp"

namespace millrace::log::kafka {
namespace {

class TokenGuard {
 public:
  TokenGuard(KafkaTokenSource source, Clock& clock) : source_(std::move(source)), clock_(clock) {}

  Result<std::string> get() {
    const MutexLock lock(mutex_);
    if (failure_ && clock_.monotonic_ns() < again_ns_) return fail(*failure_);
    Result<std::string> token = ask();
    failure_.reset();
    if (!token) {
      failure_ = token.error();
      again_ns_ = clock_.monotonic_ns() + token_pause_ns;
    }
    return token;
  }

 private:
  Result<std::string> ask() const {
    Result<std::string> token = call();
    if (!token && token.error().message().empty())
      return fail(Error(token.error().code(), "the source of tokens failed without a message"));
    // Nothing of it is shown: it may be a token with a character too much.
    if (token && !net::is_bearer_token(*token))
      return fail(errc::invalid_argument,
                  "the source of tokens returned what is not a bearer token (RFC 6750)");
    return token;
  }
  Result<std::string> call() const {
    try {
      return source_();
    } catch (const std::exception& thrown) {
      return fail(errc::unavailable,
                  std::string("the source of tokens threw an exception: ") + thrown.what());
    } catch (...) {
      return fail(errc::unavailable, "the source of tokens threw an exception");
    }
  }

  const KafkaTokenSource source_;
  Clock& clock_;
  Mutex mutex_;
  std::optional<Error> failure_ MILLRACE_GUARDED_BY(mutex_);
  std::int64_t again_ns_ MILLRACE_GUARDED_BY(mutex_) = 0;
};

}  // namespace

KafkaTokenSource guarded(KafkaTokenSource source, Clock& clock) {
  if (!source) return {};
  return [guard = std::make_shared<TokenGuard>(std::move(source), clock)] { return guard->get(); };
}

}  // namespace millrace::log::kafka
