// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "millrace/net/address.hpp"

// Servers of tests: sockets on loopback that say what a test wants.
namespace millrace::net {

/// A socket that listens on a free port of loopback; `address` is where.
inline int listen_on_loopback(int backlog, sockaddr_in& address) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, raw, size) != 0 || ::listen(listener, backlog) != 0 ||
      ::getsockname(listener, raw, &size) != 0) {
    ADD_FAILURE() << "no free port";
  }
  return listener;
}

/// Listens on a free port of loopback and serves one connection by a function on a thread of its
/// own; the destructor waits for it.
class Listener {
 public:
  explicit Listener(std::function<void(int)> serve) {
    sockaddr_in address{};
    listener_ = listen_on_loopback(1, address);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve = std::move(serve)] {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) {
        return;
      }
      serve(connection);
      ::close(connection);
    });
  }
  ~Listener() {
    thread_.join();
    ::close(listener_);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  [[nodiscard]] Address address() const { return {"127.0.0.1", port_}; }

 private:
  int listener_ = -1;
  std::int32_t port_ = 0;
  std::thread thread_;
};

/// Listens on a free port of loopback and accepts nobody. While its queue has room clients are
/// connected all the same; a full one swallows their packets.
class Unserved {
 public:
  explicit Unserved(bool full) {
    sockaddr_in address{};
    listener_ = listen_on_loopback(0, address);
    port_ = ntohs(address.sin_port);
    if (!full) {
      return;
    }
    // The queue of a backlog of 0 holds one.
    filler_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(filler_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Unserved() {
    if (filler_ >= 0) {
      ::close(filler_);
    }
    ::close(listener_);
  }
  Unserved(const Unserved&) = delete;
  Unserved& operator=(const Unserved&) = delete;
  [[nodiscard]] Address address() const { return {"127.0.0.1", port_}; }

 private:
  int listener_ = -1;
  int filler_ = -1;
  std::int32_t port_ = 0;
};

/// Blocks; empty when the peer closed the connection before.
inline std::string read_exactly(int socket, std::size_t bytes) {
  std::string all(bytes, '\0');
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t taken = ::recv(socket, all.data() + done, bytes - done, 0);
    if (taken <= 0) {
      return {};
    }
    done += static_cast<std::size_t>(taken);
  }
  return all;
}

inline void write_all(int socket, std::string_view bytes) {
  ASSERT_EQ(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

}  // namespace millrace::net
