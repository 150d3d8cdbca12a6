// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <atomic>
#include <future>

#include "http_testing.hpp"
#include "millrace/http/health.hpp"

namespace millrace::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// A server with one slot, which `holder` has, and a route that hands over the name of the client.
struct LineTest : ServerTest {
  void start_full(ServerOptions options) {
    options.max_in_flight = 1;
    configure(std::move(options));
    router().add(Method::post, "/park/{name}", [this](Request request, Responder responder) {
      names.put(std::string(request.param("name")) + request.body);
      parked.put(std::move(responder));
    });
    start();
    holder = std::make_unique<RawConnection>(server->port());
    post(*holder, "holder");
    EXPECT_EQ(names.take(), "holder");
  }
  static void post(RawConnection& connection, const std::string& name,
                   const std::string& body = {}) {
    connection.send("POST /park/" + name + " HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  /// A client whose request stands in line.
  std::unique_ptr<RawConnection> in_line(const std::string& name, const std::string& body = {}) {
    const double before = waiting();
    auto client = std::make_unique<RawConnection>(server->port());
    post(*client, name, body);
    while (waiting() == before)
      std::this_thread::yield();
    return client;
  }
  double waiting() {
    return metrics
        .gauge("millrace_http_waiting_requests",
               "Requests in line for a slot among those in flight.")
        .value();
  }
  void answer_next() { parked.take().send({}); }

  std::unique_ptr<RawConnection> holder;
  Mailbox<std::string> names;
};

TEST_F(LineTest, a_slot_goes_to_the_request_that_has_waited_longest) {
  start_full({});
  std::vector<std::unique_ptr<RawConnection>> clients;
  for (const char* name : {"a", "b", "c", "d"})
    clients.push_back(in_line(name));
  EXPECT_EQ(names.size(), 0U) << "one at a time";
  for (const char* name : {"a", "b", "c", "d"}) {
    answer_next();
    EXPECT_EQ(names.take(), name);
    EXPECT_EQ(server->in_flight(), 1U);
  }
  answer_next();
  for (const auto& client : clients)
    EXPECT_THAT(client->read_response(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(refused("too_many_in_flight"), 0U);
}

TEST_F(LineTest, a_later_request_does_not_overtake) {
  start_full({});
  const auto first = in_line("first");
  answer_next();
  EXPECT_THAT(holder->read_response(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(names.take(), "first");
  const auto second = in_line("second");
  // The one that was served asks again at once: behind those that wait.
  post(*holder, "again");
  while (waiting() < 2)
    std::this_thread::yield();
  answer_next();
  EXPECT_EQ(names.take(), "second");
  answer_next();
  EXPECT_EQ(names.take(), "again");
  answer_next();
}

TEST_F(LineTest, a_request_comes_out_of_the_line_as_it_went_in) {
  start_full({});
  const std::string body(100'000, 'x');
  const auto client = in_line("large", body);
  answer_next();
  EXPECT_EQ(names.take(), "large" + body);
  answer_next();
  EXPECT_THAT(client->read_response(), StartsWith("HTTP/1.1 200"));
}

TEST_F(LineTest, when_the_line_is_full_the_next_one_is_429_and_may_come_again) {
  start_full({.max_waiting = 1});
  const auto waiter = in_line("waiter");
  RawConnection client(server->port());
  post(client, "third");
  const auto refusal = client.read_response();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 429 Too Many Requests\r\n"));
  EXPECT_THAT(refusal, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(refusal, HasSubstr("\"max_waiting\":1"));
  EXPECT_EQ(refused("too_many_in_flight"), 1U);
  answer_next();
  EXPECT_EQ(names.take(), "waiter");
  post(client, "third");
  answer_next();
  EXPECT_EQ(names.take(), "third");
  answer_next();
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200"));
}

TEST_F(LineTest, nothing_is_begun_for_a_client_that_has_gone) {
  start_full({});
  auto gone = in_line("gone");
  const auto waiting = in_line("waiting");
  gone->close();
  answer_next();
  EXPECT_EQ(names.take(), "waiting");
  EXPECT_EQ(refused("client_gone"), 1U);
  answer_next();
  EXPECT_THAT(waiting->read_response(), StartsWith("HTTP/1.1 200"));
}

TEST_F(LineTest, a_request_that_waits_past_the_deadline_gets_503_and_leaves_the_line) {
  configure({.threads = 2, .max_in_flight = 1, .handler_deadline = 20ms});
  Mailbox<bool> begun;
  std::promise<void> may_continue;
  add_hello();
  add_park();
  router().add(Method::post, "/block", [&](Request, Responder responder) {
    begun.put(true);
    // Keeps its thread, which therefore does not see that its own deadline has passed.
    may_continue.get_future().wait();
    responder.send({});
  });
  start();
  RawConnection on_one(server->port());
  RawConnection on_other(server->port());
  for (RawConnection* connection : {&on_one, &on_other}) {
    connection->send(get_hello);
    EXPECT_THAT(connection->read_response(), StartsWith("HTTP/1.1 200"));
  }
  on_other.send("POST /block HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  begun.take();
  on_one.send(post_park);
  const auto answer = on_one.read_response();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_EQ(refused("waited_too_long"), 1U);
  EXPECT_EQ(waiting(), 0);
  may_continue.set_value();
  EXPECT_THAT(on_other.read_response(), StartsWith("HTTP/1.1 "));
  EXPECT_EQ(parked.size(), 0U) << "its turn comes no more";
  EXPECT_EQ(server->in_flight(), 0U);
}

TEST_F(LineTest, a_drain_refuses_requests_in_line_and_finishes_those_with_a_slot) {
  start_full({});
  const auto client = in_line("client");
  Mailbox<bool> drained;
  std::thread draining([&] { drained.put(server->drain(test_timeout)); });
  const auto refusal = client->read_to_end();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refusal, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_EQ(names.size(), 0U) << "it was not begun";
  answer_next();
  EXPECT_THAT(holder->read_to_end(), StartsWith("HTTP/1.1 200"));
  client->close();
  holder->close();
  EXPECT_TRUE(drained.take());
  draining.join();
}

TEST_F(LineTest, a_gate_that_closed_meanwhile_is_heard) {
  std::atomic<bool> open{true};
  configure({.max_in_flight = 1});
  add_park({.gate = [&]() -> std::optional<std::string> {
    return open ? std::nullopt : std::optional<std::string>("restoring");
  }});
  start();
  RawConnection first(server->port());
  first.send(post_park);
  Responder slot = parked.take();
  RawConnection second(server->port());
  second.send(post_park);
  while (waiting() < 1)
    std::this_thread::yield();
  open = false;
  slot.send({});
  EXPECT_THAT(second.read_response(), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(server->in_flight(), 0U) << "it gave its slot back";
}

TEST_F(LineTest, a_server_that_stops_ends_the_requests_in_line) {
  start_full({.threads = 2});
  const auto one = in_line("one");
  const auto two = in_line("two");
  server->stop();
  EXPECT_EQ(one->read_to_end(), "");
  EXPECT_EQ(two->read_to_end(), "");
  EXPECT_EQ(names.size(), 0U);
}

}  // namespace
}  // namespace millrace::http
