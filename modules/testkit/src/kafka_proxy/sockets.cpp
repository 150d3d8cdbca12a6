// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_proxy/sockets.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "millrace/testkit/event_writer.hpp"

namespace millrace::testkit::kafka_proxy {
namespace {

[[noreturn]] void throw_errno(const char* what) {
  throw TestError(std::string("the Kafka proxy cannot ") + what + ": " + std::strerror(errno));
}

void set_no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Several sockets may name one port while at most one of them listens.
Descriptor bind_loopback(std::int32_t port) {
  Descriptor bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!bound.is_open()) throw_errno("make a socket");
  const int on = 1;
  ::setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw_errno("bind a port of the loopback");
  }
  return bound;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Descriptor::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Waker::Waker() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_.is_open()) throw_errno("make an event descriptor");
}

void Waker::wake() {
  const std::uint64_t one = 1;
  // A full counter wakes as well.
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void Waker::drain() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(event_.get(), &count, sizeof count);
}

std::optional<Endpoint> resolve(const Address& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const auto port = std::to_string(address.port);
  if (::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0) return std::nullopt;
  // One name may have addresses of both families; brokers of tests listen on the older one.
  const addrinfo* best = found;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      best = each;
      break;
    }
  }
  Endpoint endpoint;
  std::memcpy(&endpoint.address, best->ai_addr, best->ai_addrlen);
  endpoint.size = best->ai_addrlen;
  ::freeaddrinfo(found);
  return endpoint;
}

bool operator==(const Endpoint& left, const Endpoint& right) {
  return left.size == right.size && std::memcmp(&left.address, &right.address, left.size) == 0;
}

Descriptor begin_connect(const Endpoint& endpoint) {
  Descriptor made(
      ::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.is_open()) return made;
  set_no_delay(made.get());
  const auto* address = reinterpret_cast<const sockaddr*>(&endpoint.address);
  if (::connect(made.get(), address, endpoint.size) != 0 && errno != EINPROGRESS) made.close();
  return made;
}

Port::Port() : reservation_(bind_loopback(0)) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(reservation_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw_errno("name its port");
  }
  number_ = ntohs(address.sin_port);
}

void Port::listen() {
  if (listener_.is_open()) return;
  auto bound = bind_loopback(number_);
  if (::listen(bound.get(), SOMAXCONN) != 0) throw_errno("listen");
  listener_ = std::move(bound);
}

Descriptor Port::accept() {
  Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (client.is_open()) set_no_delay(client.get());
  return client;
}

}  // namespace millrace::testkit::kafka_proxy
