// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/message.hpp"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "millrace/http/errors.hpp"
#include "millrace/http/problem.hpp"
#include "reader_testing.hpp"
#include "response_reader.hpp"
#include "url.hpp"

namespace millrace::http {
namespace {

TEST(PreferWait, the_seconds_are_read_and_nonsense_is_ignored) {
  using std::chrono::seconds;
  EXPECT_EQ(prefer_wait({{"prefer", "wait=10"}}), seconds(10));
  EXPECT_EQ(prefer_wait({{"Prefer", "respond-async, Wait=0 ; x"}}), seconds(0));
  for (const auto* nonsense :
       {"", "wait", "wait=", "wait=x", "wait=-1", "wait=1.5", "wait=999999999999", "await=3"}) {
    EXPECT_FALSE(prefer_wait({{"Prefer", nonsense}})) << nonsense;
  }
  EXPECT_FALSE(prefer_wait({}));
}

TEST(Problem, the_body_has_the_members_of_rfc_9457_and_the_extra_ones) {
  const Response response = problem(409, "order-id-reused", "Order id reused", "o-1 is \"taken\"",
                                    {{"order_id", "o-1"}, {"n", 2}});
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(
      response.body,
      R"({"type":"order-id-reused","title":"Order id reused","status":409,"detail":"o-1 is \"taken\"",)"
      R"("order_id":"o-1","n":2})");
}

TEST(Problem, a_bare_status_is_a_problem_too) {
  EXPECT_EQ(problem(404).body, R"({"type":"about:blank","title":"Not Found","status":404})");
}

TEST(Problem, retry_after_is_whole_seconds_and_at_least_one) {
  EXPECT_EQ(problem_retry(503, std::chrono::milliseconds(10), "x", "y").headers.find("Retry-After"),
            "1");
  EXPECT_EQ(
      problem_retry(429, std::chrono::milliseconds(1500), "x", "y").headers.find("Retry-After"),
      "2");
}

TEST(Url, the_parts_of_a_url_are_separated) {
  const auto url = parse_url("http://localhost:8080/a/b?c=d");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "localhost");
  EXPECT_EQ(url->port, "8080");
  EXPECT_EQ(url->target, "/a/b?c=d");
  EXPECT_EQ(parse_url("http://[::1]:99")->host, "::1");
  EXPECT_EQ(parse_url("http://host?q")->target, "/?q");
  EXPECT_EQ(parse_url("http://host")->port, "80");
}

TEST(Url, what_is_no_url_is_refused_with_the_form_it_should_have) {
  for (const auto* text :
       {"", "host:80", "https://host", "http://", "http://host:0", "http://host:x",
        "http://host:70000", "http://host/a b", "http://host/a\r\nX: y"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_TRUE(url.error().is(errc::bad_url));
    EXPECT_NE(url.error().message().find("http://host[:port][/path]"), std::string::npos);
  }
}

// A request in pieces of any size is the same request.
RC_GTEST_PROP(RequestReader, a_request_cut_anywhere_is_read_whole, ()) {
  const std::string text =
      "POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello";
  const std::string next = "GET /next HTTP/1.1\r\n";
  TestReader reader(4096, 4096);
  std::string held;
  std::size_t sent = 0;
  const std::string all = text + next;
  while (reader.state() == ReadState::need_more) {
    const auto size = *rc::gen::inRange<std::size_t>(1, 20);
    held += all.substr(sent, size);
    sent = std::min(all.size(), sent + size);
    held.erase(0, reader.feed(held));
  }
  RC_ASSERT(reader.state() == ReadState::done);
  RC_ASSERT(reader.request().method == Method::post);
  RC_ASSERT(reader.request().target == "/a?b=c");
  RC_ASSERT(reader.request().headers.find("X-A") == std::optional<std::string_view>("1"));
  RC_ASSERT(reader.request().body == "hello");
  RC_ASSERT(held == next.substr(0, sent - text.size()));
}

TEST(RequestReader, a_chunked_body_is_put_together_and_its_trailers_ignored) {
  TestReader reader(4096, 4096);
  reader.feed(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: 1\r\n\r\n");
  ASSERT_EQ(reader.state(), ReadState::done);
  EXPECT_EQ(reader.request().body, "abcde");
  EXPECT_FALSE(reader.request().header("X-Late"));
}

TEST(RequestReader, a_length_beside_chunks_is_refused) {
  TestReader reader(4096, 4096);
  reader.feed(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n");
  ASSERT_EQ(reader.state(), ReadState::failed);
  EXPECT_EQ(reader.failure().status, 400);
}

TEST(ResponseReader, a_body_without_length_ends_with_the_connection) {
  ResponseReader reader(4096);
  reader.feed("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nabc");
  EXPECT_EQ(reader.state(), ReadState::need_more);
  reader.feed_end();
  ASSERT_EQ(reader.state(), ReadState::done);
  EXPECT_EQ(reader.response().body, "abc");
  EXPECT_EQ(reader.response().content_type, "text/plain");
  EXPECT_FALSE(reader.keep_alive());
}

TEST(ResponseReader, interim_responses_are_passed_over) {
  ResponseReader reader(4096);
  reader.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(reader.state(), ReadState::done);
  EXPECT_EQ(reader.response().status, 201);
}

TEST(ResponseReader, a_cut_off_response_fails) {
  ResponseReader reader(4096);
  reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  reader.feed_end();
  EXPECT_EQ(reader.state(), ReadState::failed);
  reader.reset(false);
  reader.feed_end();
  EXPECT_EQ(reader.state(), ReadState::failed);
}

}  // namespace
}  // namespace millrace::http
