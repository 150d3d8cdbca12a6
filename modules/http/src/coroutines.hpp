// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <utility>

// GCC 12 miscompiles aggregates, braced lists and lambdas with captures that are made inside a
// co_await expression. In this module each is a statement of its own, and only names are awaited.

namespace millrace::http {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using SystemError = boost::system::error_code;
using SteadyTime = std::chrono::steady_clock::time_point;
template <class T>
using Awaitable = asio::awaitable<T>;

/// Wakes one coroutine of the same thread. A notify() without a waiter is forgotten: the waiter
/// checks its condition first.
class Signal {
 public:
  [[nodiscard]] Awaitable<void> wait() {
    const auto keep = [this](auto handler) {
      waiter_ = [held = std::move(handler)]() mutable { std::move(held)(); };
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(keep, asio::use_awaitable);
  }
  void notify() {
    if (waiter_) {
      auto waiter = std::exchange(waiter_, nullptr);
      waiter();
    }
  }
  [[nodiscard]] bool has_waiter() const { return waiter_ != nullptr; }

 private:
  std::move_only_function<void()> waiter_;
};

}  // namespace millrace::http
