// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Handlers of heavy routes take as long as they like; the io thread continues meanwhile.

#include <latch>
#include <stdexcept>
#include <thread>

#include "http_testing.hpp"
#include "millrace/http/health.hpp"

namespace millrace::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view get_slow = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";

struct WorkersTest : ServerTest {
  Health health;
  std::latch finish{1};
  Mailbox<std::thread::id> begun;

  // GET /slow blocks until `finish`; the probes are there too.
  void serve(ServerOptions options) {
    configure(std::move(options));
    router().group({.work = Work::heavy}).get("/slow", [this](Request, Responder responder) {
      begun.put(std::this_thread::get_id());
      finish.wait();
      Response response;
      response.body = "slow";
      response.content_type = "text/plain";
      responder.send(std::move(response));
    });
    add_hello();
    add_health_routes(router(), health, metrics);
    start();
  }
  ~WorkersTest() override {
    if (!finish.try_wait()) {
      finish.count_down();
    }
  }
};

TEST_F(WorkersTest, probes_and_quick_routes_answer_while_every_worker_is_busy) {
  serve({.workers = 2});
  RawConnection first(server->port());
  RawConnection second(server->port());
  first.send(get_slow);
  second.send(get_slow);
  EXPECT_NE(begun.take(), begun.take()) << "each has a worker";
  EXPECT_EQ(get("/livez")->status, 200);
  EXPECT_EQ(get("/readyz")->status, 200);
  EXPECT_EQ(get("/hello")->body, "hello");
  EXPECT_THAT(get("/metrics")->body, HasSubstr("millrace_http_in_flight_requests 2\n"));
  finish.count_down();
  EXPECT_THAT(first.read_response(), EndsWith("slow"));
  EXPECT_THAT(second.read_response(), EndsWith("slow"));
}

TEST_F(WorkersTest, one_request_more_than_may_wait_for_a_worker_is_503) {
  serve({.workers = 1, .max_worker_waiting = 1});
  RawConnection working(server->port());
  RawConnection waiting(server->port());
  RawConnection refusal(server->port());
  working.send(get_slow);
  begun.take();
  waiting.send(get_slow);
  while (get("/metrics")->body.find("millrace_http_worker_waiting_requests 1\n") ==
         std::string::npos) {
  }
  refusal.send(get_slow);
  const std::string answer = refusal.read_response();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_EQ(refused("workers_busy"), 1U);
  finish.count_down();
  EXPECT_THAT(working.read_response(), EndsWith("slow"));
  EXPECT_THAT(waiting.read_response(), EndsWith("slow"));
  refusal.send(get_slow);
  EXPECT_THAT(refusal.read_response(), EndsWith("slow")) << "there is room again";
}

TEST_F(WorkersTest, a_request_that_waits_too_long_for_a_worker_is_not_begun) {
  serve({.workers = 1, .handler_deadline = std::chrono::milliseconds(20)});
  RawConnection working(server->port());
  RawConnection waiting(server->port());
  // On a busy machine its own worker may come too late: then it is sent again.
  while (begun.size() == 0) {
    working.send(get_slow);
    EXPECT_THAT(working.read_response(),
                testing::AnyOf(StartsWith("HTTP/1.1 503 "), StartsWith("HTTP/1.1 504 ")));
  }
  const std::size_t begun_before = begun.size();
  waiting.send(get_slow);
  EXPECT_THAT(waiting.read_response(), StartsWith("HTTP/1.1 504 "));
  finish.count_down();
  server->stop();
  EXPECT_EQ(begun.size(), begun_before);
}

TEST_F(WorkersTest, a_heavy_handler_that_throws_is_500_and_its_worker_continues) {
  configure({.workers = 1});
  router().group({.work = Work::heavy}).get("/throws", [](Request, Responder) {
    throw std::runtime_error("no");
  });
  start();
  EXPECT_EQ(get("/throws")->status, 500);
  EXPECT_EQ(get("/throws")->status, 500);
}

TEST_F(WorkersTest, a_server_stops_with_requests_that_wait_for_a_worker) {
  serve({.workers = 1});
  RawConnection working(server->port());
  RawConnection waiting(server->port());
  working.send(get_slow);
  waiting.send(get_slow);
  begun.take();
  std::thread stopping([this] { server->stop(); });
  EXPECT_EQ(working.read_to_end(), "");
  finish.count_down();
  stopping.join();
  EXPECT_EQ(waiting.read_to_end(), "");
}

}  // namespace
}  // namespace millrace::http
