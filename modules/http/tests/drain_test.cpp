// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "http_testing.hpp"
#include "millrace/http/health.hpp"

namespace millrace::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(ServerTest, drain_finishes_what_is_in_flight_and_closes) {
  add_park();
  start();
  RawConnection busy(server->port());
  busy.send(post_park);
  Responder responder = parked.take();
  Mailbox<bool> drained;
  std::thread draining([&] { drained.put(server->drain(test_timeout)); });
  // Once the listener is closed the drain is under way.
  while (fetch(Method::get, server->url() + "/x", {}, {}, test_timeout)) {
  }
  EXPECT_EQ(drained.size(), 0U) << "a request is still in flight";
  Response response;
  response.body = "finished";
  responder.send(std::move(response));
  const auto answer = busy.read_to_end();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_THAT(answer, EndsWith("finished"));
  busy.close();
  EXPECT_TRUE(drained.take());
  draining.join();
}

TEST_F(ServerTest, a_request_on_an_open_connection_while_draining_is_503_and_probes_still_answer) {
  configure({.drain_linger = test_timeout});
  add_park();
  Health health;
  add_health_routes(router(), health, metrics);
  start();
  RawConnection holder(server->port());
  holder.send(post_park);
  Responder held = parked.take();
  RawConnection client(server->port());
  RawConnection probe(server->port());
  for (RawConnection* connection : {&client, &probe}) {
    connection->send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(connection->read_response(), StartsWith("HTTP/1.1 200"));
  }
  health.set_draining();
  EXPECT_FALSE(server->drain(0ms)) << "one is in flight";
  client.send(post_park);
  const auto refusal = client.read_to_end();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(refusal, HasSubstr("\r\nRetry-After: 1\r\n"));
  probe.send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto readiness = probe.read_to_end();
  EXPECT_THAT(readiness, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(readiness, HasSubstr("the process is about to end"));
  held.send({});
  EXPECT_THAT(holder.read_to_end(), StartsWith("HTTP/1.1 200"));
  for (RawConnection* connection : {&client, &probe, &holder}) {
    connection->close();
  }
  EXPECT_TRUE(server->drain(test_timeout));
}

TEST_F(ServerTest, idle_connections_are_closed_by_a_drain) {
  configure({.drain_linger = 10ms});
  add_hello();
  start();
  RawConnection idle(server->port());
  idle.send(get_hello);
  EXPECT_THAT(idle.read_response(), EndsWith("hello"));
  EXPECT_TRUE(server->drain(test_timeout));
  EXPECT_EQ(idle.read_to_end(), "");
}

TEST_F(ServerTest, a_drain_that_takes_too_long_says_so_and_stop_ends_it) {
  add_park();
  start();
  RawConnection connection(server->port());
  connection.send(post_park);
  const Responder never = parked.take();
  EXPECT_FALSE(server->drain(1ms));
  server->stop();
  EXPECT_EQ(connection.read_to_end(), "");
}

}  // namespace
}  // namespace millrace::http
