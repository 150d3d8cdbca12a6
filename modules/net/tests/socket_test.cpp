// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/net/socket.hpp"

#include <gmock/gmock.h>
#include <poll.h>

#include <cstring>

#include "listener.hpp"
#include "millrace/net/errors.hpp"

namespace millrace::net {
namespace {

using testing::HasSubstr;

constexpr std::int64_t ms = 1'000'000;
const Address host{"broker.example", 9092};

/// Waits for what the socket waits for.
void wait(const Socket& socket, bool writes) {
  pollfd watched{socket.descriptor(), socket.events(writes), 0};
  ASSERT_GE(::poll(&watched, 1, -1), 1);
}

Status connect(Socket& socket) {
  for (;;) {
    MILLRACE_TRY(socket.try_connect());
    if (socket.is_connected()) {
      return {};
    }
    wait(socket, false);
  }
}

Result<std::string> read_all(Socket& socket, std::size_t bytes) {
  std::string all;
  std::string room(1'000, '\0');
  while (all.size() < bytes) {
    MILLRACE_ASSIGN(const std::size_t came, socket.read(room));
    all.append(room, 0, came);
    if (came == 0) {
      wait(socket, false);
    }
  }
  return all;
}

/// A port that was free a moment ago.
Address unused() {
  const Listener listener([](int) {});
  Socket socket(listener.address(), real_clock());
  EXPECT_TRUE(connect(socket).has_value());
  return listener.address();
}

TEST(Socket, bytes_go_both_ways_and_a_full_buffer_takes_none) {
  const std::string large(20U << 20U, 'x');
  const Listener listener([&](int peer) {
    write_all(peer, read_exactly(peer, large.size()) == large ? "same" : "different");
  });
  Socket socket(listener.address(), real_clock());
  ASSERT_TRUE(connect(socket).has_value());
  std::string_view rest = large;
  std::size_t refusals = 0;
  while (!rest.empty()) {
    const auto sent = socket.write(rest);
    ASSERT_TRUE(sent.has_value()) << sent.error().to_string();
    rest.remove_prefix(*sent);
    if (*sent == 0) {
      ++refusals;
      wait(socket, true);
    }
  }
  EXPECT_GT(refusals, 0U);
  EXPECT_EQ(read_all(socket, 4).value_or("nothing"), "same");
}

TEST(Socket, an_unknown_host_and_a_closed_port_are_unreachable_and_named) {
  for (const Address& address : {Address{"no-such-host.invalid", 1}, unused()}) {
    Socket socket(address, real_clock());
    const Status status = connect(socket);
    ASSERT_FALSE(status.has_value());
    EXPECT_TRUE(status.error().is(errc::unreachable)) << status.error().to_string();
    EXPECT_THAT(status.error().message(), HasSubstr(address.text()));
    EXPECT_FALSE(socket.is_connected());
    EXPECT_EQ(socket.try_connect().error().to_string(), status.error().to_string());
  }
}

TEST(Socket, all_addresses_of_a_host_are_tried) {
  // localhost is ::1 as well on many hosts, where this server does not listen.
  const Listener listener([](int peer) { write_all(peer, "x"); });
  Socket socket({"localhost", listener.address().port}, real_clock());
  const Status status = connect(socket);
  ASSERT_TRUE(status.has_value()) << status.error().to_string();
  EXPECT_EQ(read_all(socket, 1).value_or(""), "x");
}

TEST(Socket, only_addresses_of_the_family_that_was_asked_for_are_tried) {
  const Listener listener([](int peer) { write_all(peer, "x"); });
  Address address = listener.address();
  address.family = AddressFamily::v6;
  Socket none(address, real_clock());
  const Status status = connect(none);
  ASSERT_FALSE(status.has_value());
  EXPECT_TRUE(status.error().is(errc::unreachable)) << status.error().to_string();
  address.family = AddressFamily::v4;
  Socket socket(address, real_clock());
  ASSERT_TRUE(connect(socket).has_value());
  EXPECT_EQ(read_all(socket, 1).value_or(""), "x");
}

Socket::Target target_of(const Address& loopback) {
  Socket::Target target{};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(loopback.port));
  std::memcpy(&target.address, &address, sizeof address);
  target.size = sizeof address;
  return target;
}

TEST(Socket, an_address_that_swallows_packets_leaves_time_for_the_next) {
  const Unserved full(true);
  const Unserved open(false);
  const Socket::Target swallows = target_of(full.address());
  ManualClock clock;
  const std::int64_t began_ns = clock.monotonic_ns();
  Socket socket(host, {swallows, swallows, target_of(open.address())}, clock, 900 * ms);
  for (const std::int64_t share_ns : {300 * ms, 600 * ms}) {
    ASSERT_TRUE(socket.try_connect().has_value());
    ASSERT_FALSE(socket.is_connected());
    ASSERT_EQ(socket.connect_due_ns(), began_ns + share_ns);
    clock.advance_ms(300);
  }
  const Status status = connect(socket);
  ASSERT_TRUE(status.has_value()) << status.error().to_string();
  EXPECT_EQ(socket.connect_due_ns(), std::nullopt);
}

TEST(Socket, an_address_that_swallows_packets_costs_two_seconds_at_most) {
  const Unserved full(true);
  const Unserved open(false);
  ManualClock clock;
  const std::int64_t began_ns = clock.monotonic_ns();
  Socket socket(host, {target_of(full.address()), target_of(open.address())}, clock, 60'000 * ms);
  ASSERT_TRUE(socket.try_connect().has_value());
  ASSERT_EQ(socket.connect_due_ns(), began_ns + 2'000 * ms);
  clock.advance_ms(2'000);
  const Status status = connect(socket);
  ASSERT_TRUE(status.has_value()) << status.error().to_string();
}

TEST(Socket, an_address_that_refuses_leaves_its_share_to_the_others) {
  const Unserved full(true);
  ManualClock clock;
  Socket socket(host, {target_of(unused()), target_of(full.address())}, clock, 900 * ms);
  while (socket.connect_due_ns() != clock.monotonic_ns() + 900 * ms) {
    ASSERT_TRUE(socket.try_connect().has_value());
  }
  clock.advance_ms(900);
  const Status status = socket.try_connect();
  ASSERT_FALSE(status.has_value());
  EXPECT_TRUE(status.error().is(errc::unreachable)) << status.error().to_string();
  EXPECT_THAT(status.error().message(), HasSubstr(host.text() + ": connecting: "));
  EXPECT_EQ(socket.connect_due_ns(), std::nullopt);
}

TEST(Socket, a_peer_that_closes_the_connection_is_reported) {
  const Listener listener([](int peer) { write_all(peer, "x"); });
  Socket socket(listener.address(), real_clock());
  ASSERT_TRUE(connect(socket).has_value());
  const auto more = read_all(socket, 2);
  ASSERT_FALSE(more.has_value());
  EXPECT_TRUE(more.error().is(errc::connection_lost)) << more.error().to_string();
  EXPECT_THAT(more.error().message(),
              HasSubstr(listener.address().text() + " closed the connection"));
  socket.close();
  EXPECT_EQ(socket.descriptor(), -1);
}

}  // namespace
}  // namespace millrace::net
