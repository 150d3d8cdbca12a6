// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "admission.hpp"
#include "body_budget.hpp"
#include "coroutines.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/http/server.hpp"
#include "millrace/telemetry/metrics.hpp"
#include "work_queue.hpp"

namespace millrace::http {

class ServerConnection;

/// The series of a server.
struct ServerMetrics {
  explicit ServerMetrics(telemetry::MetricRegistry& registry);
  telemetry::MetricRegistry& registry;
  std::array<telemetry::Counter*, 6> answers;  ///< By the first digit of the status.
  telemetry::Gauge& in_flight;
  telemetry::Gauge& waiting;
  telemetry::Gauge& worker_waiting;
  telemetry::Gauge& body_bytes;
  telemetry::Gauge& connections;
  telemetry::Counter& late_answers;
  void refused(std::string_view reason);
};

/// What the connections of a server share. Outlives them.
struct ServerShared {
  ServerShared(ServerOptions server_options, telemetry::Logger& server_logger,
               telemetry::MetricRegistry& registry);

  const ServerOptions options;
  telemetry::Logger& logger;
  Router router;
  ServerMetrics metrics;
  const std::uint64_t id_seed;
  std::atomic<std::uint64_t> next_id{1};
  Admission admission;
  BodyBudget bodies;
  WorkQueue workers;
  std::atomic<bool> draining{false};

  void connection_opened();
  void connection_closed();
  [[nodiscard]] std::size_t open_connections();
  /// Whether no connection was left before the time was up.
  bool wait_until_closed(std::chrono::milliseconds timeout);

 private:
  Mutex mutex_;
  CondVar all_closed_;
  std::size_t connections_ MILLRACE_GUARDED_BY(mutex_) = 0;
};

/// A response on its way to the thread of its connection.
struct Completion {
  std::weak_ptr<ServerConnection> connection;
  std::uint64_t exchange;
  Response response;
};

/// Brings responses of other threads to the io thread; as many as come before it looks cost one
/// wake-up. Thread-safe. Outlives the io_context when responders do; after close() it drops what it
/// is given.
class CompletionQueue : public std::enable_shared_from_this<CompletionQueue> {
 public:
  explicit CompletionQueue(asio::io_context& io) : io_(&io) {}
  void push(Completion completion);
  /// Calls `work` on the io thread: at once when that is the caller.
  void run(std::function<void()> work);
  /// Before the io_context goes.
  void close();
  [[nodiscard]] bool on_io_thread() const {
    return std::this_thread::get_id() == io_thread_.load();
  }
  void set_io_thread() { io_thread_.store(std::this_thread::get_id()); }

 private:
  void deliver_all();

  Mutex mutex_;
  asio::io_context* io_ MILLRACE_GUARDED_BY(mutex_);
  std::vector<Completion> waiting_ MILLRACE_GUARDED_BY(mutex_);
  std::vector<Completion> delivering_;  // of the io thread
  bool scheduled_ MILLRACE_GUARDED_BY(mutex_) = false;
  std::atomic<std::thread::id> io_thread_{};
};

/// One thread and its connections. Everything but `thread`, `queue` and posting to `io` belongs to
/// that thread.
struct IoThread {
  explicit IoThread(ServerShared& server_shared);

  ServerShared& shared;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  asio::steady_timer sweep_timer;
  std::shared_ptr<CompletionQueue> queue;
  std::vector<std::shared_ptr<ServerConnection>> connections;
  bool sweeping = false;
  bool aborting = false;
  std::thread thread;

  void run();
  void adopt(Tcp::socket socket);
  void remove(ServerConnection& connection);
  void begin_drain();
  void abort_all();
  /// The `Date` header's value, made again once a second.
  std::string_view date();

 private:
  void sweep();
  std::int64_t date_second_ = 0;
  std::string date_;
};

}  // namespace millrace::http
