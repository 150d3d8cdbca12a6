// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/requests.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "answer.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/log/record_reader.hpp"
#include "millrace/service/edge_writer.hpp"
#include "request_tills.hpp"
#include "worker.hpp"

namespace millrace::service {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

http::Response booked_or_refused(const std::variant<tills::Booked, tills::Refused>& outcome) {
  http::Response response;
  response.status = std::holds_alternative<tills::Booked>(outcome) ? 200 : 409;
  response.body = std::visit([](const auto& one) { return codec::to_json(one); }, outcome);
  return response;
}

/// Keeps what is to be called when the client goes.
class Client final : public http::ResponseSink {
 public:
  void deliver(http::Response) override {}
  void when_abandoned(std::function<void()> then) override { gone = std::move(then); }
  std::function<void()> gone;
};

class RequestsOverHttp : public testing::Test {
 protected:
  RequestsOverHttp()
      : log(broker.connect({.service = "tills", .member = "a"})),
        instance(*stream::Instance::open(*log, tills::topology({"requests", "corrections"}), {},
                                         {real_clock(), real_file_system(), random, {}})),
        gate(*log),
        edge(std::in_place, *log, real_clock(), random, 1U << 20U),
        desks(RequestDesks::Environment{*log, edge->records(), *instance, gate, logger, metrics}),
        bookings(*desks.desk("requests").value()),
        worker(std::in_place, *instance, logger, [] {}, [] {}) {}
  ~RequestsOverHttp() override {
    worker.reset();
    desks.stop();
    edge.reset();
  }

  http::Response ask(const std::string& id, std::int64_t pence, milliseconds within) {
    auto answer = std::make_shared<Answer>();
    auto future = answer->future();
    bookings.respond({http::Responder(answer), "/bookings/" + id}, "anna", tills::Book{pence},
                     {.id = id, .within = within}, booked_or_refused);
    return future.get();
  }
  http::Response look(const std::string& id) {
    auto answer = std::make_shared<Answer>();
    auto future = answer->future();
    bookings.look({http::Responder(answer), "/bookings/" + id}, id, booked_or_refused);
    return future.get();
  }
  bool is_pending(const char* count) {
    return metrics.exposition().find("millrace_requests_pending{requests=\"requests\"} " +
                                     std::string(count)) != std::string::npos;
  }

  log::MemoryBroker broker{real_clock(), false};
  SeededRandom random{7};
  telemetry::Logger logger{
      {"tills", 1, telemetry::Level::error}, real_clock(), telemetry::stderr_sink()};
  telemetry::MetricRegistry metrics;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<stream::Instance> instance;
  DurabilityGate gate;
  std::optional<EdgeWriter> edge;
  RequestDesks desks;
  Requests<tills::Bookings> bookings;
  std::optional<Worker> worker;
};

constexpr milliseconds long_enough{60'000};

TEST_F(RequestsOverHttp, the_response_is_made_of_the_outcome) {
  const http::Response booked = ask("r-1", 500, long_enough);
  EXPECT_EQ(booked.status, 200);
  EXPECT_EQ(booked.body, R"({"total":500})");
  EXPECT_EQ(ask("r-2", -501, long_enough).status, 409);
  EXPECT_EQ(ask("r-1", 500, long_enough).body, booked.body);
  EXPECT_EQ(look("r-1").body, booked.body);
}

TEST_F(RequestsOverHttp, another_body_under_the_id_is_refused) {
  EXPECT_EQ(ask("r-1", 500, long_enough).status, 200);
  const http::Response reused = ask("r-1", 600, long_enough);
  EXPECT_EQ(reused.status, 409);
  EXPECT_THAT(reused.body, HasSubstr("service.request_id_reused"));
  EXPECT_EQ(ask("", 600, long_enough).status, 422);
}

TEST_F(RequestsOverHttp, a_request_whose_time_passes_is_202_with_its_location_when_it_is_known) {
  worker.reset();
  const http::Response pending = ask("r-13", 13, milliseconds(0));
  EXPECT_EQ(pending.status, 202);
  EXPECT_EQ(pending.headers.find("Location"), std::nullopt) << "its owner is stopped";

  worker.emplace(*instance, logger, [] {}, [] {});
  std::optional<std::string> location;
  // Others pass the time until the owner has it, and then until its view does.
  for (int other = 0; other < 1'000 && !location; ++other) {
    location = ask("r-13", 13, milliseconds(0)).headers.find("Location");
    ask("other-" + std::to_string(other), 1, long_enough);
  }
  EXPECT_EQ(location, "/bookings/r-13");
  EXPECT_EQ(look("r-13").status, 202);
  EXPECT_EQ(look("nobody").status, 404);
}

TEST_F(RequestsOverHttp, an_exception_of_what_replies_is_a_500_and_the_next_request_is_served) {
  auto answer = std::make_shared<Answer>();
  auto future = answer->future();
  bookings.respond({http::Responder(answer), ""}, "anna", tills::Book{500}, {.id = "r-1"},
                   [](const auto& outcome) -> http::Response {
                     throw std::runtime_error("no response of " + std::to_string(outcome.index()));
                   });
  EXPECT_EQ(future.get().status, 500);
  ASSERT_TRUE(bookings.ask("anna", tills::Book{500}, {.id = "r-2"},
                           [](const auto&) { throw std::runtime_error("no reply"); }));
  EXPECT_EQ(ask("r-3", 500, long_enough).status, 200);
}

// 299 and 499 are nobody else's.
TEST_F(RequestsOverHttp, a_program_may_make_all_responses_itself) {
  const auto status = [&](const std::string& id, std::int64_t pence, milliseconds within) {
    auto answer = std::make_shared<Answer>();
    auto future = answer->future();
    bookings.respond_with({http::Responder(answer), ""}, "anna", tills::Book{pence},
                          {.id = id, .within = within}, [](const auto& reply) {
                            http::Response response;
                            response.status = !reply ? 499 : reply->outcome ? 200 : 299;
                            return response;
                          });
    return future.get().status;
  };
  EXPECT_EQ(status("r-1", 500, long_enough), 200);
  EXPECT_EQ(status("r-1", 600, long_enough), 499);
  EXPECT_EQ(status("", 500, long_enough), 499);
  EXPECT_EQ(status("r-13", 13, milliseconds(0)), 299);
}

TEST_F(RequestsOverHttp, a_command_has_the_time_of_its_request) {
  constexpr std::int64_t long_ago_ms = 1'291'000'000'000;
  std::promise<void> replied;
  ASSERT_TRUE(bookings.ask("anna", tills::Book{500}, {.id = "r-1", .time_ms = long_ago_ms},
                           [&](const auto&) { replied.set_value(); }));
  replied.get_future().get();
  const auto topic = log->find_topic("tills.commands");
  ASSERT_TRUE(topic);
  std::size_t records = 0;
  for (std::int32_t number = 0; number < topic->spec.partitions; ++number) {
    log::RecordReader reader(*log, {{{topic->id, log::partition(number)}, log::Offset{0}, {}}});
    while (*reader.next() == log::ReadOutcome::record) {
      EXPECT_EQ(reader.record().timestamp_ms, long_ago_ms);
      ++records;
    }
  }
  EXPECT_EQ(records, 1U);
}

TEST_F(RequestsOverHttp, a_drain_responds_with_202_to_what_is_pending) {
  auto answer = std::make_shared<Answer>();
  auto future = answer->future();
  bookings.respond({http::Responder(answer), ""}, "anna", tills::Book{13},
                   {.id = "r-13", .within = long_enough}, booked_or_refused);
  desks.drain_within(milliseconds(0));
  EXPECT_EQ(future.get().status, 202);
}

/// Another desk of the same instance, with a limit of its own.
class RequestsWithLimits : public RequestsOverHttp {
 protected:
  std::future<http::Response> ask_of(RequestDesks& others, const std::string& id,
                                     const std::string& kind = "requests") {
    auto answer = std::make_shared<Answer>();
    auto future = answer->future();
    Requests<tills::Bookings>(*others.desk(kind).value())
        .respond({http::Responder(answer), ""}, "anna", tills::Book{13},
                 {.id = id, .within = std::chrono::hours(24)}, booked_or_refused);
    return future;
  }
  telemetry::MetricRegistry other_metrics;
};

TEST_F(RequestsWithLimits, a_long_wait_ends_before_the_deadline_of_the_handler) {
  RequestDesks others(
      {*log, edge->records(), *instance, gate, logger, other_metrics, milliseconds(1)});
  EXPECT_EQ(ask_of(others, "r-13").get().status, 202);
  others.stop();
}

TEST_F(RequestsWithLimits, what_waits_leaves_slots_of_the_server_to_others) {
  RequestDesks others(
      {*log, edge->records(), *instance, gate, logger, other_metrics, milliseconds(50'000), 1});
  auto first = ask_of(others, "r-13");
  EXPECT_EQ(ask_of(others, "r-14").get().status, 429);
  EXPECT_EQ(ask_of(others, "c-1", "corrections").get().status, 429) << "all kinds share the limit";
  others.drain_within(milliseconds(0));
  EXPECT_EQ(first.get().status, 202);
  others.stop();
}

TEST_F(RequestsOverHttp, a_client_that_goes_away_frees_its_slot) {
  const auto client = std::make_shared<Client>();
  bookings.respond({http::Responder(client), ""}, "anna", tills::Book{13},
                   {.id = "r-13", .within = long_enough}, booked_or_refused);
  EXPECT_TRUE(is_pending("1"));
  client->gone();
  EXPECT_TRUE(is_pending("0"));
}

TEST_F(RequestsOverHttp, a_callback_gets_the_typed_outcome) {
  std::promise<std::int64_t> total;
  ASSERT_TRUE(bookings.ask("anna", tills::Book{500}, {.id = "r-1"}, [&](const auto& reply) {
    total.set_value(std::get<tills::Booked>(*reply->outcome).total);
  }));
  EXPECT_EQ(total.get_future().get(), 500);
}

TEST_F(RequestsOverHttp, a_name_that_the_topology_does_not_declare_is_refused) {
  EXPECT_TRUE(desks.desk("others").error().is(stream::errc::unknown_store));
  EXPECT_EQ(*desks.desk("requests"), *desks.desk("requests"));
}

}  // namespace
}  // namespace millrace::service
