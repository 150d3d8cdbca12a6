// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "http_testing.hpp"

namespace millrace::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(ServerTest, a_body_above_the_limit_is_413_before_it_is_read) {
  configure({.max_body_bytes = 100});
  add_park();
  start();
  RawConnection connection(server->port());
  connection.send("POST /park HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n");
  const auto response = connection.read_to_end();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 413 Content Too Large\r\n"));
  EXPECT_THAT(response, HasSubstr("application/problem+json"));
  EXPECT_THAT(response, HasSubstr("\"max_bytes\":100"));
  EXPECT_EQ(refused("body_too_large"), 1U);
  EXPECT_EQ(parked.size(), 0U);
}

TEST_F(ServerTest, a_chunked_body_above_the_limit_is_413) {
  configure({.max_body_bytes = 100});
  add_park();
  start();
  RawConnection connection(server->port());
  connection.send("POST /park HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" +
                  std::string(64, 'a') + "\r\n40\r\n" + std::string(64, 'b') + "\r\n0\r\n\r\n");
  EXPECT_THAT(connection.read_to_end(), StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerTest, a_client_that_keeps_sending_its_large_body_still_gets_the_413) {
  start();
  const auto answer = fetch(Method::post, server->url() + "/x", std::string(4UL * 1024 * 1024, 'x'),
                            {}, test_timeout);
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->status, 413);
}

TEST_F(ServerTest, a_body_of_exactly_the_limit_is_taken) {
  configure({.max_body_bytes = 100});
  router().add(Method::post, "/size", [](Request request, Responder responder) {
    Response response;
    response.body = std::to_string(request.body.size());
    responder.send(std::move(response));
  });
  start();
  EXPECT_EQ(
      fetch(Method::post, server->url() + "/size", std::string(100, 'x'), {}, test_timeout)->body,
      "100");
}

TEST_F(ServerTest, a_client_that_waits_for_continue_is_asked_to_continue) {
  router().add(Method::post, "/size", [](Request request, Responder responder) {
    Response response;
    response.body = std::to_string(request.body.size());
    responder.send(std::move(response));
  });
  start();
  RawConnection connection(server->port());
  connection.send(
      "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  connection.read_past("HTTP/1.1 100 Continue\r\n\r\n");
  connection.send("abc");
  EXPECT_THAT(connection.read_response(), EndsWith("\r\n\r\n3"));
}

TEST_F(ServerTest, a_header_above_the_limit_is_431) {
  configure({.max_header_bytes = 1000});
  start();
  RawConnection connection(server->port());
  connection.send("GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(2000, 'a') + "\r\n\r\n");
  EXPECT_THAT(connection.read_to_end(), StartsWith("HTTP/1.1 431"));
}

TEST_F(ServerTest, a_malformed_request_line_is_400_and_closed) {
  start();
  for (const auto* text : {"nonsense\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                           "GET / HTTP/1.1\r\nBad Header: 1\r\n\r\n",
                           "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "\x16\x03\x01\x02"}) {
    RawConnection connection(server->port());
    connection.send(text);
    EXPECT_THAT(connection.read_to_end(), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << text;
  }
}

TEST_F(ServerTest, one_request_too_many_is_429_and_nothing_is_lost) {
  configure({.max_in_flight = 2, .max_waiting = 0});
  add_park();
  router().group({.gate = {}, .limited = false}).get("/probe", [](Request, Responder responder) {
    responder.send({});
  });
  start();
  RawConnection first(server->port());
  RawConnection second(server->port());
  RawConnection third(server->port());
  first.send(post_park);
  second.send(post_park);
  Responder one = parked.take();
  Responder two = parked.take();
  third.send(post_park);
  const auto refusal = third.read_response();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 429 Too Many Requests\r\n"));
  EXPECT_THAT(refusal, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_EQ(get("/probe")->status, 200) << "an unlimited route is served";
  one.send({});
  two.send({});
  EXPECT_THAT(first.read_response(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(second.read_response(), StartsWith("HTTP/1.1 200"));
  third.send(post_park);
  parked.take().send({});
  EXPECT_THAT(third.read_response(), StartsWith("HTTP/1.1 200")) << "there is room again";
  EXPECT_EQ(refused("too_many_in_flight"), 1U);
}

TEST_F(ServerTest, a_request_that_comes_too_slowly_is_408) {
  configure({.read_timeout = 20ms});
  start();
  RawConnection connection(server->port());
  connection.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(connection.read_to_end(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_EQ(refused("slow_request"), 1U);
}

TEST_F(ServerTest, an_idle_connection_is_closed_without_a_word) {
  configure({.idle_timeout = 20ms});
  add_hello();
  start();
  RawConnection silent(server->port());
  EXPECT_EQ(silent.read_to_end(), "");
  std::string answer;
  // On a busy machine it may count as idle before its request is sent.
  while (answer.empty()) {
    RawConnection served(server->port());
    served.send(get_hello);
    answer = served.read_to_end();
  }
  EXPECT_THAT(answer, EndsWith("hello"));
}

TEST_F(ServerTest, a_handler_past_its_deadline_is_504_and_its_late_answer_is_counted) {
  configure({.handler_deadline = 20ms});
  add_park();
  add_hello();
  start();
  RawConnection connection(server->port());
  connection.send(post_park);
  Responder late = parked.take();
  EXPECT_THAT(connection.read_response(), StartsWith("HTTP/1.1 504 Gateway Timeout\r\n"));
  Response response;
  response.body = "late";
  late.send(std::move(response));
  connection.send(get_hello);
  EXPECT_THAT(connection.read_response(), EndsWith("hello")) << "the late answer goes to nobody";
  // The answer was queued before the second request was sent, and the same thread has served that
  // one since.
  EXPECT_EQ(
      metrics
          .counter("millrace_http_late_answers_total", "Answers dropped: given after the deadline.")
          .value(),
      1U);
  EXPECT_EQ(server->in_flight(), 0U);
}

TEST_F(ServerTest, one_connection_too_many_is_refused) {
  configure({.max_connections = 1});
  add_hello();
  start();
  RawConnection first(server->port());
  first.send(get_hello);
  EXPECT_THAT(first.read_response(), EndsWith("hello"));
  RawConnection second(server->port());
  EXPECT_THAT(second.read_to_end(), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(refused("too_many_connections"), 1U);
}

TEST_F(ServerTest, a_client_that_goes_away_harms_nobody) {
  add_park();
  add_hello();
  start();
  RawConnection connection(server->port());
  connection.send(post_park);
  Responder responder = parked.take();
  connection.close();
  Response response;
  response.body = std::string(1024UL * 1024, 'x');
  responder.send(std::move(response));
  EXPECT_EQ(get("/hello")->body, "hello");
}

}  // namespace
}  // namespace millrace::http
