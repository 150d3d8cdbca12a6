// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/net/socket.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "millrace/net/errors.hpp"

namespace millrace::net {

namespace {
// Of one address while others are left.
constexpr std::int64_t share_max_ns = 2'000'000'000;

int family_of(AddressFamily family) {
  switch (family) {
    case AddressFamily::v4:
      return AF_INET;
    case AddressFamily::v6:
      return AF_INET6;
    case AddressFamily::any:
      break;
  }
  return AF_UNSPEC;
}

}  // namespace

Socket::Socket(Address address, Clock& clock, std::int64_t connect_timeout_ns)
    : address_(std::move(address)), clock_(clock) {
  status_ = look_up();
  if (status_) {
    status_ = start(connect_timeout_ns);
  }
}

Socket::Socket(Address address, std::vector<Target> targets, Clock& clock,
               std::int64_t connect_timeout_ns)
    : address_(std::move(address)), clock_(clock), targets_(std::move(targets)) {
  status_ = start(connect_timeout_ns);
}

Socket::~Socket() { Socket::close(); }

void Socket::close() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
  descriptor_ = -1;
  connected_ = false;
}

short Socket::events(bool writes) const {
  return static_cast<short>(POLLIN | (writes || !connected_ ? POLLOUT : 0));
}

std::unexpected<Error> Socket::failed(ErrorCode code, const char* doing, int reason) {
  return fail(code, "{}: {}: {}", address_.text(), doing, std::strerror(reason));
}

Status Socket::look_up() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = family_of(address_.family);
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address_.port);
  const int code = getaddrinfo(address_.host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) {
    return fail(errc::unreachable, "{}: finding the host: {}", address_.text(), gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Target target{};
    std::memcpy(&target.address, one->ai_addr, one->ai_addrlen);
    target.size = one->ai_addrlen;
    targets_.push_back(target);
  }
  return {};
}

Status Socket::start(std::int64_t connect_timeout_ns) {
  end_ns_ = clock_.monotonic_ns() + connect_timeout_ns;
  return connect_next(EADDRNOTAVAIL);
}

/// Starts to connect to the next address that takes it; `reason` says why the last one did not.
Status Socket::connect_next(int reason) {
  for (;;) {
    close();
    if (next_target_ == targets_.size()) {
      return failed(errc::unreachable, "connecting", reason);
    }
    const std::int64_t now_ns = clock_.monotonic_ns();
    const auto left = static_cast<std::int64_t>(targets_.size() - next_target_);
    due_ns_ = now_ns + std::max<std::int64_t>(end_ns_ - now_ns, 0) / left;
    // Who waits for the connection may have less time than the connection has.
    if (left > 1) due_ns_ = std::min(due_ns_, now_ns + share_max_ns);
    const Target& target = targets_[next_target_++];
    descriptor_ =
        ::socket(target.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (descriptor_ < 0) {
      reason = errno;
      continue;
    }
    const int on = 1;
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(descriptor_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    // NOLINTNEXTLINE: the form of the sockets API
    const auto* const where = reinterpret_cast<const sockaddr*>(&target.address);
    if (::connect(descriptor_, where, target.size) == 0) {
      connected_ = true;
      return {};
    }
    if (errno == EINPROGRESS) {
      return {};
    }
    reason = errno;
  }
}

std::optional<std::int64_t> Socket::connect_due_ns() const {
  if (connected_ || descriptor_ < 0) {
    return std::nullopt;
  }
  return due_ns_;
}

Status Socket::try_connect() {
  MILLRACE_TRY(status_);
  if (connected_) {
    return {};
  }
  int code = 0;
  socklen_t size = sizeof code;
  if (getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &code, &size) != 0) {
    code = errno;
  }
  if (code != 0) {
    status_ = connect_next(code);
    return status_;
  }
  // No error and no peer: the connection is not there yet.
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  // NOLINTNEXTLINE: the form of the sockets API
  connected_ = getpeername(descriptor_, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0;
  if (!connected_ && clock_.monotonic_ns() >= due_ns_) {
    status_ = connect_next(ETIMEDOUT);
  }
  return status_;
}

Result<std::size_t> Socket::write(std::string_view bytes) {
  const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) {
    return static_cast<std::size_t>(sent);
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return std::size_t{0};
  }
  return failed(errc::connection_lost, "sending", errno);
}

Result<std::size_t> Socket::read(std::span<char> into) {
  const ssize_t taken = ::recv(descriptor_, into.data(), into.size(), 0);
  if (taken > 0) {
    return static_cast<std::size_t>(taken);
  }
  if (taken == 0) {
    return fail(errc::connection_lost, "{} closed the connection", address_.text());
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return std::size_t{0};
  }
  return failed(errc::connection_lost, "receiving", errno);
}

}  // namespace millrace::net
