// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Where a request ends is decided as RFC 9112 says or not at all: a request in doubt gets one
// refusal, and nothing behind it on the connection is read as a request.

#include <atomic>

#include "http_testing.hpp"
#include "reader_testing.hpp"

namespace millrace::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Refused {
  const char* what;
  std::string request;
  int status = 400;
};

std::string post(std::string_view fields, std::string_view body = {},
                 std::string_view version = "HTTP/1.1") {
  return "POST /count " + std::string(version) + "\r\n" + std::string(fields) + "\r\n" +
         std::string(body);
}
std::string chunked(std::string_view body) {
  return post("Host: x\r\nTransfer-Encoding: chunked\r\n", body);
}
std::string get_of(std::string_view target, std::string_view fields = "Host: x\r\n") {
  return "GET " + std::string(target) + " HTTP/1.1\r\n" + std::string(fields) + "\r\n";
}

std::vector<Refused> codings_and_lengths() {
  const std::string host = "Host: x\r\n";
  return {
      {"an unknown coding", post(host + "Transfer-Encoding: gzip\r\n")},
      {"a coding that resembles chunked", post(host + "Transfer-Encoding: xchunked\r\n")},
      {"identity", post(host + "Transfer-Encoding: identity\r\n")},
      {"no coding at all", post(host + "Transfer-Encoding:\r\n")},
      {"chunked is not the last", post(host + "Transfer-Encoding: chunked, gzip\r\n")},
      {"chunked twice", post(host + "Transfer-Encoding: chunked, chunked\r\n")},
      {"chunked with a parameter", post(host + "Transfer-Encoding: chunked;q=1\r\n")},
      {"an empty element", post(host + "Transfer-Encoding: ,chunked\r\n")},
      {"an unknown coding below chunked", post(host + "Transfer-Encoding: gzip, chunked\r\n"), 501},
      {"the same in two fields",
       post(host + "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), 501},
      {"chunked first in two fields",
       post(host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")},
      {"a coding in HTTP/1.0",
       post(host + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n",
            "HTTP/1.0")},
      {"a length before chunks",
       post(host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
      {"a length behind chunks",
       post(host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")},
      {"a length beside an unknown coding",
       post(host + "Transfer-Encoding: gzip\r\nContent-Length: 0\r\n")},
      {"two lengths that differ", post(host + "Content-Length: 5\r\nContent-Length: 6\r\n")},
      {"two lengths that agree", post(host + "Content-Length: 0\r\nContent-Length: 0\r\n")},
      {"a list of lengths", post(host + "Content-Length: 0, 0\r\n")},
      {"a length with a sign", post(host + "Content-Length: +0\r\n")},
      {"a negative length", post(host + "Content-Length: -1\r\n")},
      {"a hexadecimal length", post(host + "Content-Length: 0x0\r\n")},
      {"an empty length", post(host + "Content-Length:\r\n")},
      {"a quoted length", post(host + "Content-Length: \"0\"\r\n")},
      {"a length that does not fit", post(host + "Content-Length: 99999999999999999999\r\n")},
  };
}

std::vector<Refused> lines() {
  return {
      {"a bare LF behind the request line", "GET /hello HTTP/1.1\nHost: x\r\n\r\n"},
      {"a bare LF behind a field", get_of("/hello", "Host: x\nX-A: 1\r\n")},
      {"a bare CR in a value", get_of("/hello", "Host: x\r\nX-A: 1\rX-B: 2\r\n")},
      {"a bare CR before the end", get_of("/hello", "Host: x\r\n\r")},
      {"a bare LF before the request", "\n" + get_of("/hello")},
      {"a bare CR before the request", "\r" + get_of("/hello")},
      {"a NUL in a value", get_of("/hello", std::string("Host: x\r\nX-A: \0\r\n", 17))},
      {"white space before the colon", get_of("/hello", "Host : x\r\n")},
      {"white space before the first field", get_of("/hello", " Host: x\r\n")},
      {"a folded value", get_of("/hello", "Host: x\r\nX-A: 1\r\n 2\r\n")},
      {"a value that begins on the next line", get_of("/hello", "Host: x\r\nX-A:\r\n 2\r\n")},
      {"a value folded with a tab alone", get_of("/hello", "Host: x\r\nX-A: 1\r\n\t\r\n")},
      {"a folded coding", post("Host: x\r\nTransfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")},
      {"a field without a colon", get_of("/hello", "Host: x\r\nX-A\r\n")},
      {"a field without a name", get_of("/hello", "Host: x\r\n: 1\r\n")},
      {"two spaces in the request line", get_of(" /hello")},
      {"a tab in the request line", "GET\t/hello HTTP/1.1\r\nHost: x\r\n\r\n"},
      {"white space behind the version", "GET /hello HTTP/1.1 \r\nHost: x\r\n\r\n"},
      {"another major version", "GET /hello HTTP/2.0\r\nHost: x\r\n\r\n"},
      {"a version in small letters", "GET /hello http/1.1\r\nHost: x\r\n\r\n"},
  };
}

std::vector<Refused> hosts_and_targets() {
  std::vector<Refused> table = {
      {"no Host", get_of("/hello", "")},
      {"two Hosts that agree", get_of("/hello", "Host: x\r\nHost: x\r\n")},
      {"two Hosts that differ", get_of("/hello", "Host: x\r\nHost: y\r\n")},
      {"two Hosts in HTTP/1.0",
       "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\nHost: x\r\nHost: y\r\n\r\n"},
      {"an absolute target without Host", get_of("http://x/hello", "")},
      {"an absolute target with a bad Host", get_of("http://x/hello", "Host: a b\r\n")},
      {"an absolute target without a host", get_of("http:///hello")},
      {"an absolute target with a user", get_of("http://me@x/hello")},
      {"an absolute target of another scheme", get_of("ftp://x/hello")},
      {"a target that is no path", get_of("hello")},
      {"a fragment", get_of("/hello#part")},
      {"an asterisk for GET", get_of("*")},
      {"CONNECT", "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", 501},
  };
  for (const char* host : {"", "a b", "a,b", "me@x", "x/y", "x?y", "x:port", "x:99999", "x:1:2",
                           "[::1", "::1", "[::1]x", "[zz]", "%zz", "http://x", "x\\y"}) {
    table.push_back({host, get_of("/hello", "Host: " + std::string(host) + "\r\n")});
  }
  return table;
}

std::vector<Refused> chunks() {
  return {
      {"a size that overflows", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n")},
      {"a size with a prefix", chunked("0x5\r\nhello\r\n0\r\n\r\n")},
      {"a size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n")},
      {"a negative size", chunked("-1\r\nhello\r\n0\r\n\r\n")},
      {"an empty size", chunked("\r\nhello\r\n0\r\n\r\n")},
      {"white space before a size", chunked(" 5\r\nhello\r\n0\r\n\r\n")},
      {"white space behind a size", chunked("5 \r\nhello\r\n0\r\n\r\n")},
      {"a bare LF behind a size", chunked("5\nhello\r\n0\r\n\r\n")},
      {"a bare LF in an extension", chunked("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n")},
      {"a control character in the last extension", chunked("5\r\nhello\r\n0;a=\"\x01\"\r\n\r\n")},
      {"an extension without a name", chunked("5;=1\r\nhello\r\n0\r\n\r\n")},
      {"a chunk longer than its size", chunked("4\r\nhello\r\n0\r\n\r\n")},
      {"a chunk shorter than its size", chunked("6\r\nhello\r\n0\r\n\r\n")},
      {"a bare LF behind a chunk", chunked("5\r\nhello\n0\r\n\r\n")},
      {"a trailer without a colon", chunked("5\r\nhello\r\n0\r\nX-A\r\n\r\n")},
      {"a folded trailer", chunked("5\r\nhello\r\n0\r\nX-A: 1\r\n 2\r\n\r\n")},
      {"a length in the trailers", chunked("5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n")},
      {"a coding in the trailers", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n")},
  };
}

struct FramingTest : ServerTest {
  std::atomic<int> handled = 0;

  void SetUp() override {
    const auto count = [this](const Request& request, Responder responder) {
      ++handled;
      Response response;
      response.body = request.body;
      response.content_type = "text/plain";
      responder.send(std::move(response));
    };
    router().add(Method::get, "/hello", count);
    router().add(Method::post, "/count", count);
    start();
  }

  // One refusal and then the end, whatever follows it on the connection.
  void expect_refused(const std::vector<Refused>& table) {
    for (const Refused& one : table) {
      SCOPED_TRACE(one.what);
      handled = 0;
      RawConnection connection(server->port());
      connection.send(one.request + "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
      const std::string answer = connection.read_response();
      EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::to_string(one.status) + ' '));
      EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
      EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: application/problem+json\r\n"));
      EXPECT_EQ(connection.read_to_end(), "");
      EXPECT_EQ(handled, 0) << "nothing behind a refused request is a request";
    }
  }
};

TEST_F(FramingTest, a_coding_or_length_in_doubt_is_refused) {
  expect_refused(codings_and_lengths());
}
TEST_F(FramingTest, a_line_that_is_not_http_is_refused) { expect_refused(lines()); }
TEST_F(FramingTest, a_host_or_target_in_doubt_is_refused) { expect_refused(hosts_and_targets()); }
TEST_F(FramingTest, chunks_in_doubt_are_refused) { expect_refused(chunks()); }

TEST_F(FramingTest, unusual_requests_that_are_right_are_served) {
  const std::vector<std::string> table = {
      "\r\n\r\n" + get_of("/hello"),
      get_of("http://x/hello"),
      get_of("HTTP://x:80/hello"),
      get_of("http://other/hello"),
      get_of("/hello?a=b"),
      get_of("http://x:8080/hello?a=b"),
      get_of("/hello", "Host:   x  \r\n"),
      get_of("/hello", "Host: shop-1_a.example:8080\r\n"),
      get_of("/hello", "Host: [2001:db8::1]:80\r\n"),
      get_of("/hello", "Host: [::ffff:127.0.0.1]\r\n"),
      get_of("/hello", "host: x\r\nX-Empty:\r\n"),
      "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      post("Host: x\r\nContent-Length: 5\r\n", "hello"),
      post("Host: x\r\nContent-Length: 005\r\n", "hello"),
      post("Host: x\r\nTransfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
      chunked("0005\r\nhello\r\n000\r\n\r\n"),
      chunked("5;a=1 ; b=\"two\"\r\nhello\r\n0;c\r\nX-Trailer: 1\r\n\r\n"),
  };
  for (const std::string& request : table) {
    handled = 0;
    RawConnection connection(server->port());
    connection.send(request + get_of("/hello", "Host: x\r\nConnection: close\r\n"));
    EXPECT_THAT(connection.read_response(), StartsWith("HTTP/1.1 200 ")) << request;
    EXPECT_THAT(connection.read_to_end(), StartsWith("HTTP/1.1 200 ")) << request;
    EXPECT_EQ(handled, 2) << request;
  }
}

// Fed a piece at a time, as by a sender whose every packet is small.
RequestReader& feed_pieces(RequestReader& reader, std::string_view head, std::string_view piece,
                           int times) {
  std::string held(head);
  held.erase(0, reader.feed(held));
  for (int i = 0; i < times && reader.state() == ReadState::need_more; ++i) {
    held += piece;
    held.erase(0, reader.feed(held));
  }
  return reader;
}

TEST(RequestReader, a_header_of_many_small_fields_meets_the_limit_too) {
  TestReader reader(1000, 1000);
  feed_pieces(reader, "GET / HTTP/1.1\r\nHost: x\r\n", "X-Abc: 123456\r\n", 10'000);
  ASSERT_EQ(reader.state(), ReadState::failed);
  EXPECT_EQ(reader.failure().status, 431);
}

TEST(RequestReader, what_surrounds_chunks_meets_the_limit_of_a_header) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  TestReader endless(1000, 100'000);
  feed_pieces(endless, head + "5;a=", "bbbbbbbbbb", 10'000);
  EXPECT_EQ(endless.state(), ReadState::failed) << "an extension without an end";
  TestReader many(1000, 100'000);
  feed_pieces(many, head, "1;abcdefghij\r\nx\r\n", 10'000);
  EXPECT_EQ(many.state(), ReadState::failed) << "extensions of many chunks";
  EXPECT_LT(many.request().body.size(), 1000U);
  TestReader trailers(1000, 100'000);
  feed_pieces(trailers, head + "0\r\n", "X-Abc: 123456\r\n", 10'000);
  EXPECT_EQ(trailers.state(), ReadState::failed) << "trailers without an end";
}

}  // namespace
}  // namespace millrace::http
