// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>

#include "millrace/http/message.hpp"

namespace millrace::http {

/// Receives the response of a responder. The server implements it; a test of a handler may
/// implement it too.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  /// Called once, on any thread.
  virtual void deliver(Response response) = 0;
  /// Calls `then` in a thread of the server when the client closes the connection before it has the
  /// response, or when the deadline of the handler passes. Then work for this request alone may
  /// end. `then` is called at most once. It may be called even if another thread sends the response
  /// at the same time, so it must be harmless in that case. A client that closes its sending half
  /// counts as gone. Any thread.
  virtual void when_abandoned(std::function<void()> then) { static_cast<void>(then); }
};

/// Sends the response of one request. Move-only. It may be stored and used in any thread, even
/// after the server was destroyed; then the response is dropped. A responder that is destroyed
/// before it sent a response sends 500. Responses from other threads are collected, so that many of
/// them wake the thread of the server only once.
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

  /// Sends the response. Call it at most once (asserted). A response after the deadline of the
  /// handler is counted and dropped.
  void send(Response response);
  /// True until the response was sent.
  [[nodiscard]] bool pending() const { return sink_ != nullptr; }
  /// The receiver of the response, for ResponseSink::when_abandoned().
  [[nodiscard]] const std::shared_ptr<ResponseSink>& sink() const { return sink_; }

 private:
  void drop();
  std::shared_ptr<ResponseSink> sink_;
};

}  // namespace millrace::http
