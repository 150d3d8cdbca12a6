// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/client.hpp"

#include "http_testing.hpp"

namespace millrace::http {
namespace {

using testing::HasSubstr;
using testing::Not;

struct ClientTest : testing::Test {
  std::unique_ptr<RawListener> listener = std::make_unique<RawListener>();
  std::unique_ptr<ClientPool> pool;
  Mailbox<Result<Response>> answers;

  void open(ClientPoolOptions options = {}) {
    options.url = listener->url();
    options.backoff_min = 1ms;
    options.backoff_max = 2ms;
    auto made = ClientPool::create(std::move(options));
    ASSERT_TRUE(made) << made.error().to_string();
    pool = *std::move(made);
  }
  Status send(std::string body = "x", std::chrono::milliseconds timeout = test_timeout) {
    ClientRequest request;
    request.method = Method::post;
    request.target = "/orders";
    request.body = std::move(body);
    request.timeout = timeout;
    return pool->send(std::move(request),
                      [this](Result<Response> answer) { answers.put(std::move(answer)); });
  }
  static void reply(RawConnection& connection) {
    connection.read_past("\r\n\r\nx");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  }
};

TEST_F(ClientTest, a_request_is_framed_and_its_answer_read) {
  open();
  ASSERT_TRUE(send("body"));
  auto connection = listener->accept();
  connection->read_past("POST /orders HTTP/1.1\r\nHost: " + listener->url().substr(7) +
                        "\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nbody");
  connection->send("HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-A: 1\r\n\r\nok");
  const auto answer = answers.take();
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "ok");
  EXPECT_EQ(answer->headers.find("x-a"), "1");
}

TEST_F(ClientTest, a_connection_is_used_again) {
  open({.connections = 1});
  std::unique_ptr<RawConnection> connection;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(send());
    if (!connection) {
      connection = listener->accept();
    }
    reply(*connection);
    EXPECT_TRUE(answers.take());
  }
}

TEST_F(ClientTest, no_connection_is_certainly_not_sent) {
  open();
  listener->close();
  ASSERT_TRUE(send());
  const auto answer = answers.take();
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().is(errc::not_sent)) << answer.error().to_string();
  EXPECT_THAT(answer.error().message(), HasSubstr(listener->url().substr(7)));
}

TEST_F(ClientTest, a_connection_that_ends_without_an_answer_leaves_the_outcome_unknown) {
  open({.connections = 1});
  ASSERT_TRUE(send());
  auto connection = listener->accept();
  connection->read_past("\r\n\r\nx");
  connection->close();
  auto answer = answers.take();
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().is(errc::outcome_unknown)) << answer.error().to_string();

  ASSERT_TRUE(send());
  connection = listener->accept();
  reply(*connection);
  EXPECT_TRUE(answers.take()) << "the next request has a new connection";
}

TEST_F(ClientTest, an_answer_cut_off_or_without_sense_leaves_the_outcome_unknown) {
  open({.connections = 1});
  for (const auto* text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 20", "SSH-2.0-OpenSSH\r\n"}) {
    ASSERT_TRUE(send());
    auto connection = listener->accept();
    connection->read_past("\r\n\r\nx");
    connection->send(text);
    connection->close();
    const auto answer = answers.take();
    ASSERT_FALSE(answer) << text;
    EXPECT_TRUE(answer.error().is(errc::outcome_unknown)) << answer.error().to_string();
  }
}

TEST_F(ClientTest, an_answer_whose_end_is_in_doubt_is_refused) {
  open({.connections = 1});
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& text :
       {ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ok + "Transfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
        ok + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ok + "Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        ok + "Content-Length: 2, 2\r\n\r\nok", ok + "Content-Length: +2\r\n\r\nok",
        ok + "X-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok",
        ok + "Transfer-Encoding: chunked\r\n\r\n2;a=\"\n\"\r\nok\r\n0\r\n\r\n",
        std::string("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        std::string("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok"),
        std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\n")}) {
    ASSERT_TRUE(send());
    auto connection = listener->accept();
    connection->read_past("\r\n\r\nx");
    connection->send(text);
    connection->finish();
    const auto answer = answers.take();
    ASSERT_FALSE(answer) << text;
    EXPECT_TRUE(answer.error().is(errc::outcome_unknown)) << answer.error().to_string();
    EXPECT_EQ(connection->read_to_end(), "") << "the connection is not used again: " << text;
  }
}

TEST_F(ClientTest, what_comes_behind_an_answer_is_nobodys_answer) {
  open({.connections = 1});
  const std::string smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad";
  for (const std::size_t sent_late : {std::size_t{0}, std::size_t{20}}) {
    ASSERT_TRUE(send());
    auto connection = listener->accept();
    connection->read_past("\r\n\r\nx");
    connection->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" +
                     smuggled.substr(0, smuggled.size() - sent_late));
    EXPECT_EQ(answers.take()->body, "ok");
    ASSERT_TRUE(send());
    auto fresh = listener->accept();
    reply(*fresh);
    EXPECT_EQ(answers.take()->body, "ok");
    fresh->close();
  }
}

TEST_F(ClientTest, endless_interim_answers_are_given_up) {
  open({.connections = 1});
  ASSERT_TRUE(send());
  auto connection = listener->accept();
  connection->read_past("\r\n\r\nx");
  for (int i = 0; i < 1000; ++i) {
    connection->send("HTTP/1.1 103 Early Hints\r\n\r\n");
  }
  const auto answer = answers.take();
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message(), HasSubstr("interim"));
}

TEST_F(ClientTest, a_caller_cannot_change_where_a_request_ends) {
  open({.connections = 1});
  ClientRequest request;
  request.method = Method::post;
  request.target = "orders\r\nX-Evil: 1";
  request.body = "body";
  request.content_type = "text/plain\r\nX-Evil: 1";
  request.headers = {{"Content-Length", "0"},
                     {"transfer-encoding", "chunked"},
                     {"Host", "evil"},
                     {"Connection", "close"},
                     {"X-Kept", "1"}};
  ASSERT_TRUE(pool->send(std::move(request),
                         [this](Result<Response> answer) { answers.put(std::move(answer)); }));
  auto connection = listener->accept();
  connection->read_past("POST /orders__X-Evil:_1 HTTP/1.1\r\nHost: " + listener->url().substr(7) +
                        "\r\nX-Kept: 1\r\nContent-Type: text/plain  X-Evil: 1\r\n"
                        "Content-Length: 4\r\n\r\nbody");
  connection->send("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(answers.take()->status, 204);
}

TEST_F(ClientTest, a_kept_connection_that_the_server_closed_is_replaced_before_sending) {
  open({.connections = 1});
  ASSERT_TRUE(send());
  auto connection = listener->accept();
  reply(*connection);
  ASSERT_TRUE(answers.take());
  connection->close();
  ASSERT_TRUE(send());
  connection = listener->accept();
  reply(*connection);
  EXPECT_TRUE(answers.take());
}

TEST_F(ClientTest, a_request_sent_but_not_answered_in_time_is_a_timeout) {
  open({.connections = 1});
  ASSERT_TRUE(send("x", 30ms));
  auto connection = listener->accept();
  const auto answer = answers.take();
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().is(errc::timeout)) << answer.error().to_string();
}

TEST_F(ClientTest, a_request_whose_time_passes_in_the_queue_is_not_sent) {
  open({.connections = 1});
  ASSERT_TRUE(send());
  auto connection = listener->accept();
  connection->read_past("\r\n\r\nx");
  ASSERT_TRUE(send("y", 1ms));
  const auto late = answers.take();
  ASSERT_FALSE(late);
  EXPECT_TRUE(late.error().is(errc::not_sent)) << late.error().to_string();
  connection->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(answers.take());
}

TEST_F(ClientTest, a_full_queue_refuses_at_once) {
  open({.connections = 1, .max_queued = 2});
  ASSERT_TRUE(send());
  auto connection = listener->accept();
  connection->read_past("\r\n\r\nx");
  ASSERT_TRUE(send());
  ASSERT_TRUE(send());
  const auto refused = send();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::queue_full));
  EXPECT_EQ(pool->pending(), 3U);
  connection->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  reply(*connection);
  reply(*connection);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(answers.take());
  }
}

TEST_F(ClientTest, a_closing_pool_answers_everything) {
  open({.connections = 1});
  ASSERT_TRUE(send());
  auto connection = listener->accept();
  connection->read_past("\r\n\r\nx");
  ASSERT_TRUE(send());
  pool.reset();
  ASSERT_EQ(answers.size(), 2U);
  std::vector<std::string> codes;
  for (int i = 0; i < 2; ++i) {
    codes.emplace_back(answers.take().error().code().name);
  }
  EXPECT_THAT(codes, testing::UnorderedElementsAre("http.not_sent", "http.outcome_unknown"));
}

TEST_F(ClientTest, a_callback_may_send_again) {
  open({.connections = 1});
  ClientRequest first;
  first.target = "/first";
  ASSERT_TRUE(pool->send(std::move(first), [this](Result<Response> answer) {
    answers.put(std::move(answer));
    EXPECT_TRUE(send());
  }));
  auto connection = listener->accept();
  connection->read_past("GET /first");
  connection->read_past("\r\n\r\n");
  connection->send("HTTP/1.1 204 No Content\r\n\r\n");
  reply(*connection);
  EXPECT_EQ(answers.take()->status, 204);
  EXPECT_EQ(answers.take()->status, 200);
}

TEST_F(ClientTest, a_pool_finds_the_server_again_after_a_restart) {
  telemetry::MetricRegistry metrics;
  const auto serve = [&](std::uint16_t port) {
    auto server =
        std::make_unique<Server>(ServerOptions{.port = port}, telemetry::null_logger(), metrics);
    server->router().add(Method::post, "/orders",
                         [](Request, Responder responder) { responder.send({}); });
    const auto started = server->start();
    EXPECT_TRUE(started) << started.error().to_string();
    return server;
  };
  auto server = serve(0);
  const std::uint16_t port = server->port();
  auto made = ClientPool::create(
      {.url = server->url(), .connections = 2, .backoff_min = 1ms, .backoff_max = 2ms});
  ASSERT_TRUE(made);
  pool = *std::move(made);
  ASSERT_TRUE(send());
  EXPECT_TRUE(answers.take());
  server.reset();
  ASSERT_TRUE(send());
  const auto gone = answers.take();
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().is(errc::not_sent)) << gone.error().to_string();
  server = serve(port);
  ASSERT_TRUE(send());
  EXPECT_TRUE(answers.take());
}

TEST(ClientPool, a_url_with_a_path_or_of_another_scheme_is_refused) {
  for (const auto* url : {"http://127.0.0.1:1/path", "https://127.0.0.1", "127.0.0.1:80"}) {
    const auto pool = ClientPool::create({.url = url});
    ASSERT_FALSE(pool) << url;
    EXPECT_TRUE(pool.error().is(errc::bad_url));
  }
}

TEST(Fetch, a_closed_port_is_not_sent) {
  RawListener listener;
  const std::string url = listener.url();
  listener.close();
  const auto answer = fetch(Method::get, url, {}, {}, test_timeout);
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().is(errc::not_sent));
}

}  // namespace
}  // namespace millrace::http
