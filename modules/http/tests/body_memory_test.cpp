// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The bodies of all requests of a server share one budget of memory, whatever their senders do.

#include <vector>

#include "http_testing.hpp"

namespace millrace::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t mebibyte = 1024UL * 1024;

std::string head_of(std::size_t length) {
  return "POST /park HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

struct BodyMemoryTest : ServerTest {
  std::size_t limit = 8 * mebibyte;

  void serve(ServerOptions options) {
    options.max_body_memory_bytes = limit;
    options.read_timeout = test_timeout;
    configure(std::move(options));
    add_park();
    router().add(Method::post, "/size", [](Request request, Responder responder) {
      Response response;
      response.body = std::to_string(request.body.size());
      responder.send(std::move(response));
    });
    add_hello();
    start();
  }
  std::size_t used() {
    return static_cast<std::size_t>(
        metrics
            .gauge("millrace_http_body_memory_bytes",
                   "Memory of large bodies that are read, wait or are worked on.")
            .value());
  }
  // Asks the server until it holds; each question lets the io thread take a turn.
  template <class Condition>
  [[nodiscard]] bool await(Condition condition) {
    const auto give_up = std::chrono::steady_clock::now() + test_timeout;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up || get("/hello")->status != 200) {
        return false;
      }
    }
    return true;
  }
};

TEST_F(BodyMemoryTest, bodies_that_never_end_stay_within_the_budget_and_small_ones_are_served) {
  serve({});
  constexpr std::size_t senders = 40;
  const std::string unfinished = head_of(mebibyte) + std::string(mebibyte - 1, 'x');
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (std::size_t i = 0; i < senders; ++i) {
    connections.push_back(std::make_unique<RawConnection>(server->port()));
    connections.back()->send(unfinished);
    EXPECT_LE(used(), limit);
  }
  EXPECT_TRUE(await([&] { return refused("body_memory") >= senders - limit / mebibyte; }));
  EXPECT_LE(used(), limit);
  EXPECT_GT(used(), limit / 2) << "the others are still read";
  for (const std::size_t size : {1UL, 1000UL, 16UL * 1024}) {
    EXPECT_EQ(fetch(Method::post, server->url() + "/size", std::string(size, 'y'), {}, test_timeout)
                  ->body,
              std::to_string(size));
  }
  connections.clear();
  EXPECT_TRUE(await([&] { return used() == 0; })) << used() << " bytes are still held";
  EXPECT_EQ(
      fetch(Method::post, server->url() + "/size", std::string(mebibyte, 'y'), {}, test_timeout)
          ->body,
      std::to_string(mebibyte))
      << "there is room again";
}

TEST_F(BodyMemoryTest, a_body_that_cannot_fit_is_503_before_it_is_sent) {
  limit = 2 * mebibyte;
  serve({});
  RawConnection first(server->port());
  RawConnection second(server->port());
  first.send(head_of(mebibyte) + std::string(mebibyte, 'x'));
  second.send(head_of(mebibyte) + std::string(mebibyte, 'x'));
  Responder one = parked.take();
  Responder two = parked.take();
  RawConnection third(server->port());
  third.send(
      "POST /park HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n");
  const std::string answer = third.read_response();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(third.read_to_end(), "");
  one.send({});
  EXPECT_THAT(first.read_response(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(used(), mebibyte) << "an answered request takes nothing";
  two.send({});
  EXPECT_THAT(second.read_response(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(used(), 0U);
}

TEST_F(BodyMemoryTest, a_chunked_body_is_counted_as_it_comes) {
  limit = 2 * mebibyte;
  serve({});
  RawConnection first(server->port());
  first.send(head_of(mebibyte) + std::string(mebibyte, 'x'));
  Responder one = parked.take();
  RawConnection second(server->port());
  second.send(head_of(mebibyte) + std::string(mebibyte - 1, 'x'));
  EXPECT_TRUE(await([&] { return used() == 2 * mebibyte; }));
  RawConnection chunked(server->port());
  chunked.send("POST /park HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n" +
               std::string(0x8000, 'x') + "\r\n");
  EXPECT_THAT(chunked.read_response(), StartsWith("HTTP/1.1 503 "));
  one.send({});
}

TEST_F(BodyMemoryTest, a_client_that_leaves_the_line_takes_its_body_with_it) {
  serve({.max_in_flight = 1, .drain_linger = 20ms});
  RawConnection working(server->port());
  working.send(post_park);
  Responder one = parked.take();
  RawConnection waiting(server->port());
  waiting.send(head_of(100'000) + std::string(100'000, 'x'));
  // Of limited routes no other is answered meanwhile, so the metrics are looked at directly.
  const auto give_up = std::chrono::steady_clock::now() + test_timeout;
  const auto until = [&](auto condition) {
    while (!condition() && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::yield();
    }
    return condition();
  };
  EXPECT_TRUE(until([&] { return used() >= 100'000; }));
  waiting.close();
  EXPECT_TRUE(until([&] { return used() == 0; }));
  EXPECT_EQ(refused("client_gone"), 1U);
  one.send({});
  EXPECT_THAT(working.read_response(), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace millrace::http
