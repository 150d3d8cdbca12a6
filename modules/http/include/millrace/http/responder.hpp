// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>

#include "millrace/http/message.hpp"

namespace millrace::http {

/// Where a responder's answer goes; the server implements it, a test of a handler may too.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  /// Called once, on any thread.
  virtual void deliver(Response response) = 0;
  /// Calls `then`, on a thread of the server, when the client goes away before it has its response,
  /// or its time has passed: what is done for it alone may end. At most once. When the response is
  /// given meanwhile, on another thread, `then` may be called all the same: it must not harm. A
  /// client that closes its sending half counts as gone. Any thread.
  virtual void when_abandoned(std::function<void()> then) { static_cast<void>(then); }
};

/// The duty to answer one request. Move-only; may be kept and used on any thread, also after the
/// server is gone (the response is then dropped). A responder destroyed without a response sends
/// 500. Responses given from another thread are gathered: a burst of them wakes the server's thread
/// once.
class Responder {
 public:
  Responder() = default;
  explicit Responder(std::shared_ptr<ResponseSink> sink) : sink_(std::move(sink)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept {
    drop();
    sink_ = std::move(other.sink_);
    return *this;
  }
  ~Responder() { drop(); }

  /// Sends the response. At most once (asserted); one after the handler's deadline is counted and
  /// dropped.
  void send(Response response);
  /// Whether the response is still owed.
  [[nodiscard]] bool pending() const { return sink_ != nullptr; }
  /// Where the response goes, for ResponseSink::when_abandoned().
  [[nodiscard]] const std::shared_ptr<ResponseSink>& sink() const { return sink_; }

 private:
  void drop();
  std::shared_ptr<ResponseSink> sink_;
};

}  // namespace millrace::http
