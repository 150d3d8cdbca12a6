// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "http_testing.hpp"

#include <stdexcept>

namespace millrace::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(ServerTest, a_handler_gets_the_request_and_its_answer_arrives) {
  router().add(Method::post, "/orders/{id}", [](Request request, Responder responder) {
    Response response;
    response.status = 201;
    response.body = std::string(request.param("id")) + '|' +
                    std::string(*request.query_param("q")) + '|' + request.body + '|' +
                    std::string(*request.header("x-custom"));
    response.headers.set("Location", "/orders/7");
    responder.send(std::move(response));
  });
  start();
  const auto answer = fetch(Method::post, server->url() + "/orders/7?q=a%20b", "body",
                            {{"X-Custom", "yes"}}, test_timeout);
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "7|a b|body|yes");
  EXPECT_EQ(answer->content_type, "application/json");
  EXPECT_EQ(answer->headers.find("Location"), "/orders/7");
  EXPECT_TRUE(answer->headers.contains("Date"));
}

TEST_F(ServerTest, unknown_paths_and_methods_are_problems) {
  add_hello();
  start();
  const auto missing = get("/nowhere");
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(missing->content_type, "application/problem+json");
  EXPECT_THAT(missing->body, HasSubstr("/nowhere"));
  const auto wrong = fetch(Method::del, server->url() + "/hello", {}, {}, test_timeout);
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->status, 405);
  EXPECT_EQ(wrong->headers.find("Allow"), "GET");
  EXPECT_EQ(get("/%zz")->status, 400);
}

TEST_F(ServerTest, a_connection_is_kept_and_serves_many) {
  add_hello();
  start();
  RawConnection connection(server->port());
  for (int i = 0; i < 3; ++i) {
    connection.send(get_hello);
    const auto response = connection.read_response();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(response, HasSubstr("Connection: keep-alive"));
    EXPECT_THAT(response, EndsWith("\r\n\r\nhello"));
  }
}

TEST_F(ServerTest, pipelined_requests_are_answered_in_order) {
  add_park();
  add_hello();
  start();
  RawConnection connection(server->port());
  connection.send(std::string(post_park) + std::string(get_hello) +
                  "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
  Response first;
  first.body = "first";
  parked.take().send(std::move(first));
  EXPECT_THAT(connection.read_response(), EndsWith("first"));
  EXPECT_THAT(connection.read_response(), EndsWith("hello"));
  EXPECT_THAT(connection.read_response(), StartsWith("HTTP/1.1 404"));
}

TEST_F(ServerTest, a_handler_is_notified_that_its_client_has_gone) {
  add_park();
  start();
  Mailbox<std::string> notified;
  RawConnection responded(server->port());
  responded.send(post_park);
  Responder first = parked.take();
  first.sink()->when_abandoned([&] { notified.put("of one that has its response"); });
  first.send({});
  EXPECT_THAT(responded.read_response(), StartsWith("HTTP/1.1 200"));
  responded.close();

  RawConnection gone(server->port());
  gone.send(post_park);
  const Responder second = parked.take();
  second.sink()->when_abandoned([&] { notified.put("of one that has none"); });
  gone.close();
  EXPECT_EQ(notified.take(), "of one that has none");
  EXPECT_EQ(refused("client_gone"), 1U);
  // It is gone already: the caller is notified at once, or by the thread of the server.
  second.sink()->when_abandoned([&] { notified.put("late"); });
  EXPECT_EQ(notified.take(), "late");
}

TEST_F(ServerTest, a_client_that_asks_to_close_is_closed) {
  add_hello();
  start();
  RawConnection connection(server->port());
  connection.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(connection.read_to_end(), HasSubstr("Connection: close"));
  RawConnection old(server->port());
  old.send("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.read_to_end(), EndsWith("hello"));
}

TEST_F(ServerTest, head_tells_the_length_and_sends_no_body) {
  add_hello();
  start();
  RawConnection connection(server->port());
  connection.send("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto response = connection.read_to_end();
  EXPECT_THAT(response, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(response, EndsWith("\r\n\r\n"));
  const auto fetched = fetch(Method::head, server->url() + "/hello", {}, {}, test_timeout);
  ASSERT_TRUE(fetched);
  EXPECT_EQ(fetched->body, "");
}

TEST_F(ServerTest, a_dropped_responder_answers_500) {
  router().add(Method::get, "/drop", [](Request, Responder) {});
  start();
  const auto answer = get("/drop");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 500);
  EXPECT_EQ(answer->content_type, "application/problem+json");
}

TEST_F(ServerTest, a_throwing_handler_answers_500_and_is_logged) {
  router().add(Method::get, "/throw",
               [](Request, Responder) { throw std::runtime_error("no such luck"); });
  start();
  EXPECT_EQ(get("/throw")->status, 500);
  EXPECT_TRUE(log->contains("no such luck"));
}

TEST_F(ServerTest, answers_may_come_from_other_threads) {
  add_park();
  start();
  auto pool = ClientPool::create({.url = server->url(), .connections = 16});
  ASSERT_TRUE(pool);
  constexpr int count = 200;
  Mailbox<int> statuses;
  std::thread answering([&] {
    for (int i = 0; i < count; ++i) {
      Response response;
      response.status = 202;
      parked.take().send(std::move(response));
    }
  });
  for (int i = 0; i < count; ++i) {
    ClientRequest request;
    request.method = Method::post;
    request.target = "/park";
    ASSERT_TRUE((*pool)->send(std::move(request), [&](Result<Response> answer) {
      statuses.put(answer ? answer->status : 0);
    }));
  }
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(statuses.take(), 202);
  }
  answering.join();
  EXPECT_EQ(server->in_flight(), 0U);
}

TEST_F(ServerTest, a_large_answer_arrives_whole) {
  const std::string large(8UL * 1024 * 1024, 'x');
  router().add(Method::get, "/large", [&](Request, Responder responder) {
    Response response;
    response.body = large;
    responder.send(std::move(response));
  });
  start();
  const auto answer = get("/large");
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->body, large);
}

TEST_F(ServerTest, an_answer_after_stop_is_harmless) {
  add_park();
  start();
  RawConnection connection(server->port());
  connection.send(post_park);
  Responder responder = parked.take();
  server->stop();
  EXPECT_EQ(connection.read_to_end(), "");
  server.reset();
  responder.send({});
}

TEST_F(ServerTest, a_request_id_is_kept_when_sane_and_made_when_not) {
  router().add(Method::get, "/id", [](Request request, Responder responder) {
    Response response;
    response.body = request.id;
    responder.send(std::move(response));
  });
  start();
  const auto kept = get("/id", {{"X-Request-Id", "abc-1"}});
  EXPECT_EQ(kept->body, "abc-1");
  EXPECT_EQ(kept->headers.find("X-Request-Id"), "abc-1");
  const auto made = get("/id", {{"X-Request-Id", "a b<script>"}});
  EXPECT_THAT(made->body, Not(HasSubstr("script")));
  EXPECT_EQ(made->headers.find("X-Request-Id"), made->body);
  EXPECT_NE(get("/id")->body, made->body);
}

TEST_F(ServerTest, a_header_of_the_handler_cannot_inject_another) {
  router().add(Method::get, "/redirect", [](Request request, Responder responder) {
    Response response;
    response.status = 302;
    response.headers.set("Location", *request.query_param("to"));
    response.headers.set("Content-Length", "99");
    response.content_type = "text/plain\r\nX-Evil: 2";
    response.body = "x";
    responder.send(std::move(response));
  });
  start();
  const auto answer = get("/redirect?to=/a%0d%0aX-Evil:%201");
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_FALSE(answer->headers.contains("X-Evil"));
  EXPECT_EQ(answer->body, "x");
}

TEST_F(ServerTest, several_threads_serve_many_connections) {
  configure({.threads = 2});
  add_hello();
  start();
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 200; ++i) {
    connections.push_back(std::make_unique<RawConnection>(server->port()));
  }
  for (auto& connection : connections) {
    connection->send(get_hello);
  }
  for (auto& connection : connections) {
    EXPECT_THAT(connection->read_response(), EndsWith("hello"));
  }
  EXPECT_THAT(metrics.exposition(), HasSubstr("millrace_http_connections 200\n"));
  EXPECT_THAT(metrics.exposition(),
              HasSubstr("millrace_http_requests_total{status=\"2xx\"} 200\n"));
}

TEST_F(ServerTest, a_taken_port_is_named_with_the_remedy) {
  start();
  Server second({.port = server->port()}, logger, metrics);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_TRUE(started.error().is(errc::port_in_use));
  EXPECT_THAT(started.error().message(), HasSubstr("127.0.0.1:" + std::to_string(server->port())));
  EXPECT_THAT(started.error().message(), HasSubstr("choose another port"));
}

TEST_F(ServerTest, an_address_that_is_none_is_refused) {
  configure({.address = "nowhere"});
  const auto started = server->start();
  ASSERT_FALSE(started);
  EXPECT_TRUE(started.error().is(errc::listen_failed));
}

TEST_F(ServerTest, a_server_that_never_started_ends_quietly) {
  EXPECT_TRUE(server->drain(1ms));
  server->stop();
  EXPECT_EQ(server->port(), 0);
}

TEST_F(ServerTest, a_body_that_does_not_say_it_is_json_is_415_on_a_route_that_takes_json) {
  router().group({.takes_json = true}).post("/json", [](Request, Responder responder) {
    responder.send({.status = 204});
  });
  start();
  const auto status = [&](std::string_view field) {
    RawConnection connection(server->port());
    connection.send("POST /json HTTP/1.1\r\nHost: x\r\n" + std::string(field) +
                    "Content-Length: 2\r\n\r\n{}");
    return connection.read_response();
  };
  for (const auto* type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"; x=y", "application/cloudevents+json"}) {
    EXPECT_THAT(status("Content-Type: " + std::string(type) + "\r\n"), StartsWith("HTTP/1.1 204 "))
        << type;
  }
  for (const auto* field :
       {"", "Content-Type:\r\n", "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n", "Content-Type: text/json\r\n",
        "Content-Type: application/jsonp\r\n", "Content-Type: application/+json\r\n",
        "Content-Type: application/json; charset=utf-16\r\n",
        "Content-Type: text/plain; application/json\r\n"}) {
    const std::string answer = status(field);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 415 ")) << field;
    EXPECT_THAT(answer, HasSubstr("application/problem+json")) << field;
    EXPECT_THAT(answer, HasSubstr("\r\nAccept: application/json\r\n")) << field;
  }
  RawConnection empty(server->port());
  empty.send("POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(empty.read_response(), StartsWith("HTTP/1.1 204 "))
      << "there is no body to choose by";
}

}  // namespace
}  // namespace millrace::http
