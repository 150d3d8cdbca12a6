// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "client_connection.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace millrace::http {
namespace {

// Fields that the client writes itself: a caller's own would make the message ambiguous.
bool is_framing(std::string_view name) {
  for (const std::string_view reserved :
       {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "TE", "Upgrade"}) {
    if (equal_ignoring_case(name, reserved)) {
      return true;
    }
  }
  return false;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

}  // namespace

ClientConnection::ClientConnection(ClientShared& shared)
    : shared_(shared),
      socket_(shared.io),
      pause_(shared.io),
      reader_(shared.options.max_response_bytes),
      backoff_(shared.options.backoff_min) {}

Awaitable<void> ClientConnection::run(ClientConnection& self) {
  while (!self.shared_.closing) {
    auto job = self.shared_.pop();
    if (!job) {
      self.shared_.idle.push_back(&self);
      auto waiting = self.jobs_.wait();
      co_await std::move(waiting);
      continue;
    }
    auto working = self.work_off(*job);
    co_await std::move(working);
  }
  self.disconnect();
}

Awaitable<void> ClientConnection::work_off(ClientJob& job) {
  busy_ = true;
  expired_ = false;
  deadline_ = job.deadline;
  last_error_.clear();
  auto exchanging = exchange(job.request);
  Result<Response> result = co_await std::move(exchanging);
  busy_ = false;
  const bool connect_failed = !connected_ && written_ == 0;
  if (!result) {
    disconnect();
  }
  shared_.finish(job, std::move(result));
  if (connect_failed && !shared_.closing) {
    auto pausing = back_off();
    co_await std::move(pausing);
  }
}

Awaitable<Result<Response>> ClientConnection::exchange(const ClientRequest& request) {
  serialize(request);
  reader_.reset(request.method == Method::head);
  buffer_.clear();
  // The server may have closed a kept connection meanwhile. As long as no byte was taken a new one
  // is as good.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const bool reused = connected_ && !is_stale();
    auto connecting = ensure_connected();
    if (!co_await std::move(connecting)) {
      co_return failure("no connection");
    }
    auto writing = write();
    const bool sent = co_await std::move(writing);
    if (sent || written_ > 0 || !reused || expired_ || shared_.closing) {
      break;
    }
    disconnect();
  }
  if (written_ == 0) {
    co_return failure("the connection was lost before the request was sent");
  }
  // Also after a failed write: a server that refuses a large body responds before it has read it.
  auto reading = read();
  if (!co_await std::move(reading)) {
    co_return failure(reader_.state() == ReadState::failed ? reader_.failure()
                                                           : "the connection was lost");
  }
  // What came behind the answer belongs to no request: the next one needs another connection.
  if (!reader_.keep_alive() || written_ < out_.size() || !buffer_.empty()) {
    disconnect();
  }
  co_return std::move(reader_.response());
}

bool ClientConnection::is_stale() {
  char byte = 0;
  const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  // Nothing to read is what a healthy idle connection says; bytes that nobody asked for are not.
  const bool healthy = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (!healthy) {
    disconnect();
  }
  return !healthy;
}

Awaitable<bool> ClientConnection::ensure_connected() {
  written_ = 0;
  if (connected_) {
    co_return true;
  }
  SystemError ec;
  socket_.open(shared_.endpoint.protocol(), ec);
  if (!ec) {
    ::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC);
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    auto connecting = socket_.async_connect(shared_.endpoint, token);
    co_await std::move(connecting);
  }
  if (ec || expired_ || shared_.closing) {
    last_error_ = ec ? ec.message() : std::string();
    disconnect();
    co_return false;
  }
  SystemError ignored;
  socket_.set_option(Tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  connected_ = true;
  backoff_ = shared_.options.backoff_min;
  co_return true;
}

Awaitable<bool> ClientConnection::write() {
  SystemError ec;
  written_ = socket_.write_some(asio::const_buffer(out_.data(), out_.size()), ec);
  if (ec == asio::error::would_block) {
    ec = {};
  }
  if (!ec && written_ < out_.size()) {
    const asio::const_buffer rest(out_.data() + written_, out_.size() - written_);
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    auto sending = asio::async_write(socket_, rest, token);
    written_ += co_await std::move(sending);
  }
  if (ec) {
    last_error_ = ec.message();
  }
  co_return !ec;
}

Awaitable<bool> ClientConnection::read() {
  while (true) {
    char* const room = buffer_.room();
    const asio::mutable_buffer target(room, buffer_.room_size());
    SystemError ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    auto receiving = socket_.async_read_some(target, token);
    const std::size_t n = co_await std::move(receiving);
    if (expired_ || shared_.closing) {
      co_return false;
    }
    if (ec == asio::error::eof) {
      reader_.feed_end();
    } else if (ec) {
      last_error_ = ec.message();
      co_return false;
    }
    buffer_.received(n);
    buffer_.used(reader_.feed(buffer_.bytes()));
    if (reader_.state() != ReadState::need_more) {
      co_return reader_.state() == ReadState::done;
    }
  }
}

Awaitable<void> ClientConnection::back_off() {
  SystemError ec;
  pause_.expires_after(backoff_);
  backoff_ = std::min(backoff_ * 2, shared_.options.backoff_max);
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  auto pausing = pause_.async_wait(token);
  co_await std::move(pausing);
}

void ClientConnection::serialize(const ClientRequest& request) {
  out_.assign(method_name(request.method));
  out_ += request.target.starts_with('/') ? " " : " /";
  for (const char c : request.target) {
    out_ += c == ' ' || is_control(c) ? '_' : c;
  }
  out_.append(" HTTP/1.1\r\nHost: ").append(shared_.url.authority);
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const auto [name, value] = request.headers.at(i);
    if (!is_framing(name)) {
      out_.append("\r\n").append(name).append(": ").append(value);
    }
  }
  if (!request.body.empty() && !request.content_type.empty() &&
      !request.headers.contains("Content-Type")) {
    out_ += "\r\nContent-Type: ";
    std::replace_copy_if(request.content_type.begin(), request.content_type.end(),
                         std::back_inserter(out_), is_control, ' ');
  }
  const bool says_length = !request.body.empty() || request.method == Method::post ||
                           request.method == Method::put || request.method == Method::patch;
  if (says_length) {
    out_.append("\r\nContent-Length: ").append(std::to_string(request.body.size()));
  }
  out_ += "\r\n\r\n";
  out_ += request.body;
}

void ClientConnection::disconnect() {
  SystemError ignored;
  socket_.close(ignored);
  connected_ = false;
}

void ClientConnection::check_deadline(SteadyTime now) {
  if (busy_ && !expired_ && now >= deadline_) {
    expired_ = true;
    SystemError ignored;
    socket_.close(ignored);
  }
}

void ClientConnection::abort() {
  SystemError ignored;
  socket_.close(ignored);
  pause_.cancel();
  jobs_.notify();
}

Result<Response> ClientConnection::failure(std::string_view what) const {
  std::string message(what);
  if (!last_error_.empty()) {
    message += " (" + last_error_ + ')';
  }
  message += "; server " + shared_.url.authority;
  if (written_ == 0) {
    if (expired_) {
      message = "the time-out passed: " + message;
    }
    return fail(errc::not_sent, "{}, the request was not sent", message);
  }
  if (expired_) {
    return fail(errc::timeout,
                "no answer in time from server {}, the request may have taken effect",
                shared_.url.authority);
  }
  return fail(errc::outcome_unknown, "{}, the request may have taken effect", message);
}

}  // namespace millrace::http
