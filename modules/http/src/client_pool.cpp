// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <algorithm>

#include "client_connection.hpp"

namespace millrace::http {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {
constexpr milliseconds sweep_period{20};
}

ClientShared::ClientShared(ClientPoolOptions pool_options, Url pool_url,
                           Tcp::endpoint pool_endpoint)
    : options(std::move(pool_options)),
      url(std::move(pool_url)),
      endpoint(std::move(pool_endpoint)),
      io(1),
      work(io.get_executor()),
      sweep_timer(io) {
  for (std::size_t i = 0; i < std::max<std::size_t>(1, options.connections); ++i) {
    connections.push_back(std::make_unique<ClientConnection>(*this));
  }
}

Status ClientShared::push(ClientJob job) {
  const MutexLock lock(mutex_);
  if (refusing_) {
    return fail(errc::not_sent, "the client is closing");
  }
  if (queue_.size() >= options.max_queued) {
    return fail(errc::queue_full,
                "{} requests wait for a connection to {}; wait for answers before sending more",
                queue_.size(), url.authority);
  }
  queue_.push_back(std::move(job));
  pending.fetch_add(1, std::memory_order_relaxed);
  if (!std::exchange(wake_scheduled_, true)) {
    asio::post(io, [this] { wake_idle(); });
  }
  return {};
}

std::optional<ClientJob> ClientShared::pop() {
  const MutexLock lock(mutex_);
  if (queue_.empty()) {
    return std::nullopt;
  }
  std::optional<ClientJob> job(std::move(queue_.front()));
  queue_.pop_front();
  return job;
}

void ClientShared::wake_idle() {
  std::size_t waiting = 0;
  {
    const MutexLock lock(mutex_);
    wake_scheduled_ = false;
    waiting = queue_.size();
  }
  if (!std::exchange(sweeping, true)) {
    sweep();
  }
  for (; waiting > 0 && !idle.empty(); --waiting) {
    ClientConnection* const connection = idle.back();
    idle.pop_back();
    connection->wake();
  }
}

void ClientShared::finish(ClientJob& job, Result<Response> result) {
  pending.fetch_sub(1, std::memory_order_relaxed);
  job.callback(std::move(result));
}

// Runs only while something is pending, so that an idle client does not wake.
void ClientShared::sweep() {
  if (pending.load(std::memory_order_relaxed) == 0 || closing) {
    sweeping = false;
    return;
  }
  sweep_timer.expires_after(sweep_period);
  sweep_timer.async_wait([this](SystemError ec) {
    if (ec) {
      return;
    }
    const auto now = steady_clock::now();
    for (const auto& connection : connections) {
      connection->check_deadline(now);
    }
    fail_overdue(now);
    sweep();
  });
}

void ClientShared::fail_overdue(SteadyTime now) {
  std::vector<ClientJob> overdue;
  {
    const MutexLock lock(mutex_);
    const auto first = std::stable_partition(
        queue_.begin(), queue_.end(), [&](const ClientJob& job) { return job.deadline > now; });
    std::move(first, queue_.end(), std::back_inserter(overdue));
    queue_.erase(first, queue_.end());
  }
  for (ClientJob& job : overdue) {
    finish(
        job,
        fail(errc::not_sent,
             "the time-out passed while the request waited for a connection to {}, it was not sent",
             url.authority));
  }
}

void ClientShared::close() {
  closing = true;
  std::deque<ClientJob> left;
  {
    const MutexLock lock(mutex_);
    refusing_ = true;
    left.swap(queue_);
  }
  sweep_timer.cancel();
  for (const auto& connection : connections) {
    connection->abort();
  }
  for (ClientJob& job : left) {
    finish(job, fail(errc::not_sent, "the client is closing, the request was not sent"));
  }
  work.reset();
}

struct ClientPool::Impl {
  Impl(ClientPoolOptions options, Url url, Tcp::endpoint endpoint)
      : shared(std::move(options), std::move(url), std::move(endpoint)) {
    for (const auto& connection : shared.connections) {
      asio::co_spawn(shared.io, ClientConnection::run(*connection), asio::detached);
    }
    thread = std::thread([this] { shared.io.run(); });
  }
  ClientShared shared;
  std::thread thread;
};

ClientPool::ClientPool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ClientPool::~ClientPool() {
  asio::post(impl_->shared.io, [shared = &impl_->shared] { shared->close(); });
  impl_->thread.join();
}

Result<std::unique_ptr<ClientPool>> ClientPool::create(ClientPoolOptions options) {
  MILLRACE_ASSIGN(Url url, parse_url(options.url));
  if (url.target != "/") {
    return fail(errc::bad_url,
                "'{}' has a path; a pool takes http://host:port, each request its own target",
                options.url);
  }
  asio::io_context io;
  Tcp::resolver resolver(io);
  SystemError ec;
  const auto found = resolver.resolve(url.host, url.port, ec);
  if (ec || found.empty()) {
    return fail(errc::bad_url, "cannot resolve the host of '{}': {}", options.url, ec.message());
  }
  const Tcp::endpoint endpoint = found.begin()->endpoint();
  return std::unique_ptr<ClientPool>(
      new ClientPool(std::make_unique<Impl>(std::move(options), std::move(url), endpoint)));
}

Status ClientPool::send(ClientRequest request, Callback callback) {
  const auto deadline = steady_clock::now() + request.timeout;
  return impl_->shared.push({std::move(request), std::move(callback), deadline});
}

std::size_t ClientPool::pending() const {
  return impl_->shared.pending.load(std::memory_order_relaxed);
}

}  // namespace millrace::http
