// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "coroutines.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/http/client.hpp"
#include "read_buffer.hpp"
#include "response_reader.hpp"
#include "url.hpp"

namespace millrace::http {

/// A request that the pool owes an answer.
struct ClientJob {
  ClientRequest request;
  ClientPool::Callback callback;
  SteadyTime deadline;
};

class ClientConnection;

/// What the connections of a pool share. Jobs come from any thread; all else belongs to the io
/// thread.
struct ClientShared {
  ClientShared(ClientPoolOptions pool_options, Url pool_url, Tcp::endpoint pool_endpoint);

  const ClientPoolOptions options;
  const Url url;
  const Tcp::endpoint endpoint;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  asio::steady_timer sweep_timer;
  std::vector<std::unique_ptr<ClientConnection>> connections;
  std::vector<ClientConnection*> idle;  ///< The one used last is used first.
  std::atomic<std::size_t> pending{0};
  bool sweeping = false;
  bool closing = false;

  Status push(ClientJob job);
  /// The next job, if there is one.
  std::optional<ClientJob> pop();
  /// Calls back; one job less is pending.
  void finish(ClientJob& job, Result<Response> result);
  /// Ends all: what waits, and what is under way. On the io thread.
  void close();

 private:
  void wake_idle();
  void sweep();
  void fail_overdue(SteadyTime now);

  Mutex mutex_;
  std::deque<ClientJob> queue_ MILLRACE_GUARDED_BY(mutex_);
  bool wake_scheduled_ MILLRACE_GUARDED_BY(mutex_) = false;
  bool refusing_ MILLRACE_GUARDED_BY(mutex_) = false;
};

/// One connection of a pool: takes a job, sends it, reads the answer, and so on.
class ClientConnection {
 public:
  explicit ClientConnection(ClientShared& shared);

  /// Until the pool closes.
  static Awaitable<void> run(ClientConnection& self);
  void wake() { jobs_.notify(); }
  void check_deadline(SteadyTime now);
  void abort();

 private:
  Awaitable<void> work_off(ClientJob& job);
  Awaitable<Result<Response>> exchange(const ClientRequest& request);
  Awaitable<bool> ensure_connected();
  Awaitable<bool> write();
  Awaitable<bool> read();
  Awaitable<void> back_off();
  void serialize(const ClientRequest& request);
  [[nodiscard]] bool is_stale();
  void disconnect();
  [[nodiscard]] Result<Response> failure(std::string_view what) const;

  ClientShared& shared_;
  Tcp::socket socket_;
  asio::steady_timer pause_;
  ReadBuffer buffer_;
  ResponseReader reader_;
  Signal jobs_;
  std::string out_;
  std::string last_error_;
  std::size_t written_ = 0;
  bool busy_ = false;
  bool expired_ = false;
  bool connected_ = false;
  SteadyTime deadline_;
  std::chrono::milliseconds backoff_;
};

}  // namespace millrace::http
