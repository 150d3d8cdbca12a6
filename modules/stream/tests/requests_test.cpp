// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/requests.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "millrace/testkit/topology_driver.hpp"

namespace millrace::stream::test {

/// Puts money into a till, or takes it out. Keyed by till.
struct Book {
  std::int64_t pence = 0;
};
BOOST_DESCRIBE_STRUCT(Book, (), (pence))
struct Booked {
  std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Booked, (), (total))
struct Refused {
  std::string why;
};
BOOST_DESCRIBE_STRUCT(Refused, (), (why))
/// An event on the way that ends no request.
struct Counted {
  std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Counted, (), (total))

namespace {

using testkit::TopologyDriver;
using TillEvent = std::variant<Booked, Refused, Counted>;
using Bookings = Requests<std::string, Book, Booked, Refused>;

constexpr std::int64_t keep_ms = 60'000;

class Till {
 public:
  Till(StoreRef<std::string, std::int64_t> totals, Emitter<std::string, TillEvent> out)
      : totals_(totals), out_(out) {}
  void process(const std::string& till, const Book& book, ProcessorContext& context) {
    auto totals = context.store(totals_);
    const std::int64_t total = totals.get(till).value_or(0) + book.pence;
    context.emit(out_, till, Counted{total});
    if (book.pence == 13) return;  // has no outcome
    if (book.pence == 14) throw std::runtime_error("14 is no amount");
    if (total < 0) return context.emit(out_, till, Refused{"empty"});
    totals.put(till, total);
    context.emit(out_, till, Booked{total});
  }

 private:
  StoreRef<std::string, std::int64_t> totals_;
  Emitter<std::string, TillEvent> out_;
};

Topology tills(std::vector<std::string> steps = {}) {
  TopologyBuilder builder("tills");
  const auto totals = builder.store<std::string, std::int64_t>("totals");
  const auto out = builder.emitter<std::string, TillEvent>("out");
  builder.stream<std::string, Book>("tills.commands").process<Till>("till", totals, out);
  builder.stream(out).to("tills.events");
  Bookings::declare(builder,
                    {.commands = "tills.commands", .keep_ms = keep_ms, .steps = std::move(steps)},
                    builder.stream(out));
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

RequestAsked book(const std::string& till, std::int64_t pence) {
  return {"Book", "\"" + till + "\"", "{\"pence\":" + std::to_string(pence) + "}"};
}

class RequestsPart : public testing::Test {
 protected:
  void ask(const std::string& id, const RequestAsked& asked, const std::string& correlation = {}) {
    driver.pipe("tills.requests", id, asked, driver.clock().wall_ms(), correlation);
    driver.run_until_idle();
  }
  std::optional<RequestEntry> entry(const std::string& id) {
    return driver.store<std::string, RequestEntry>("requests").get(id);
  }
  std::int64_t total(const std::string& till) {
    return driver.store<std::string, std::int64_t>("totals").get(till).value_or(0);
  }

  TopologyDriver driver{tills()};
};

TEST(RequestIds, nested_requests_are_a_stack) {
  const std::string outer = push_request("", "shop.requests", "order 7:é");
  EXPECT_EQ(outer, "shop.requests:order%207%3A%C3%A9");
  const std::string both = push_request(outer, "wallets.requests", "m-1");
  EXPECT_EQ(both, "wallets.requests:m-1 " + outer);
  EXPECT_EQ(request_of(both, "wallets.requests"), "m-1");
  EXPECT_EQ(request_of(both, "shop.requests"), "order 7:é");
  EXPECT_EQ(request_of(both, "wallets"), std::nullopt);
  EXPECT_EQ(push_request(both, "shop.requests", "o-8"), "shop.requests:o-8 wallets.requests:m-1")
      << "each topic has one at most, so that the text does not grow";
}

TEST_F(RequestsPart, a_request_becomes_a_command_and_ends_with_its_outcome) {
  ask("r-1", book("anna", 500), "visit-1");
  const auto commands = driver.read<std::string, Book>("tills.commands");
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_EQ(commands[0].key, "anna");
  EXPECT_EQ(commands[0].value.pence, 500);
  EXPECT_EQ(commands[0].raw.header("ce_requestid"), "tills.requests:r-1");
  EXPECT_EQ(commands[0].raw.header("ce_correlationid"), "visit-1");
  const auto ended = entry("r-1");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->state, RequestState::ended);
  EXPECT_EQ(ended->type, "Booked");
  EXPECT_EQ(ended->outcome, "{\"total\":500}");
  EXPECT_EQ(ended->asked, commands[0].raw.header("ce_causationid"));
  for (const auto& event : driver.read<std::string, TillEvent>("tills.events"))
    EXPECT_EQ(event.raw.header("ce_requestid"), "tills.requests:r-1") << event.type;
}

TEST_F(RequestsPart, equal_requests_share_the_outcome_and_others_change_nothing) {
  ask("r-1", book("anna", 500));
  ask("r-1", book("anna", 500));
  driver.crash_and_restart();
  ask("r-1", book("anna", 500));
  ask("r-1", book("anna", 600));
  ask("r-1", book("bert", 500));
  EXPECT_EQ(total("anna"), 500);
  EXPECT_EQ(total("bert"), 0);
  EXPECT_EQ(driver.read_raw("tills.commands").size(), 1U);
  EXPECT_EQ(entry("r-1")->body, body_hash(book("anna", 500)));
  EXPECT_NE(entry("r-1")->body, body_hash(book("anna", 600)));
  EXPECT_EQ(driver.read_raw("tills.requests.changelog").size(), 1U + 1U + 4U)
      << "each is written again for the instance that asked";
}

TEST_F(RequestsPart, events_without_the_request_end_nothing) {
  driver.pipe("tills.commands", std::string("anna"), Book{500}, 1'000);
  ask("r-13", book("anna", 13));
  EXPECT_EQ(entry("r-13")->state, RequestState::pending);
  driver.pipe("tills.commands", std::string("anna"), Book{1}, 2'000);
  driver.run_until_idle();
  EXPECT_EQ(entry("r-13")->state, RequestState::pending);
  EXPECT_EQ(total("anna"), 501);
}

TEST_F(RequestsPart, a_request_of_a_request_is_pushed) {
  driver.pipe_raw("tills.requests",
                  {.key = "r-2",
                   .value = R"({"type":"Book","key":"\"anna\"","command":"{\"pence\":5}"})",
                   .headers = {{"ce_id", "a-1"},
                               {"ce_type", "RequestAsked"},
                               {"ce_requestid", "shop.requests:o-7"}},
                   .timestamp_ms = 1'000});
  driver.run_until_idle();
  const auto events = driver.read<std::string, TillEvent>("tills.events");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].raw.header("ce_requestid"), "tills.requests:r-2 shop.requests:o-7");
  EXPECT_EQ(entry("r-2")->state, RequestState::ended);
}

TEST_F(RequestsPart, a_request_that_asked_another_one_ends_with_its_own_outcome) {
  ask("r-1", book("anna", 13));
  driver.pipe_raw("tills.commands",
                  {.key = "anna",
                   .value = R"({"pence":5})",
                   .headers = {{"ce_id", "m-2"},
                               {"ce_type", "Book"},
                               {"ce_requestid", "wallets.requests:m-1 tills.requests:r-1"}},
                   .timestamp_ms = 1'000});
  driver.run_until_idle();
  EXPECT_EQ(entry("r-1")->state, RequestState::ended);
}

TEST_F(RequestsPart, what_ended_is_forgotten_after_a_while) {
  ask("r-1", book("anna", 500));
  ask("r-13", book("anna", 13));
  driver.advance_ms(keep_ms / 2);
  EXPECT_TRUE(entry("r-1"));
  driver.advance_ms(keep_ms);
  EXPECT_FALSE(entry("r-1"));
  EXPECT_FALSE(entry("r-13"));
}

TEST_F(RequestsPart, a_command_that_cannot_be_read_becomes_a_dead_letter) {
  ask("r-1", {"Other", "\"anna\"", "{}"});
  ask("r-2", {"Book", "\"anna\"", "{}"});
  ask(std::string(1'025, 'x'), book("anna", 5));
  ask(std::string(1'024, 'x'), book("anna", 5));
  EXPECT_FALSE(entry("r-1"));
  EXPECT_EQ(driver.read_raw("tills.dead-letters").size(), 3U);
  EXPECT_TRUE(entry(std::string(1'024, 'x')));
}

TEST_F(RequestsPart, a_command_that_fails_ends_the_request) {
  ask("r-14", book("anna", 14));
  const auto letter = entry("r-14");
  EXPECT_EQ(letter->state, RequestState::dead_lettered);
  EXPECT_THAT(letter->outcome, testing::HasSubstr("14 is no amount"));
  EXPECT_THAT(letter->letter, testing::StartsWith("tills.dead-letters-"));
}

TEST_F(RequestsPart, a_letter_of_a_letter_is_passed_over) {
  ask("r-13", book("anna", 13));
  driver.pipe_raw("tills.dead-letters", {.key = "x",
                                         .value = std::nullopt,
                                         .headers = {{"ce_requestid", "tills.requests:r-13"},
                                                     {"dl-topic", "tills.dead-letters"}},
                                         .timestamp_ms = 1'000});
  driver.run_until_idle();
  EXPECT_EQ(entry("r-13")->state, RequestState::pending);
}

/// Keeps the first booking of a till, and books it when the next one comes.
class SlowTill {
 public:
  SlowTill(Emitter<std::string, TillEvent> out, bool remembers)
      : out_(out), remembers_(remembers) {}
  void process(const std::string& till, const Book&, ProcessorContext& context) {
    const auto emit = [&] { context.emit(out_, till, Booked{1}); };
    if (!waits_) {
      waits_ = context.remember();
    } else if (remembers_) {
      context.with_context(*waits_, emit);
    } else {
      emit();
    }
  }

 private:
  Emitter<std::string, TillEvent> out_;
  bool remembers_;
  std::optional<RememberedContext> waits_;
};

RequestState state_of_the_first(bool remembers) {
  TopologyBuilder builder("tills");
  const auto out = builder.emitter<std::string, TillEvent>("out");
  builder.stream<std::string, Book>("tills.commands").process<SlowTill>("till", out, remembers);
  Bookings::declare(builder, {.commands = "tills.commands"}, builder.stream(out));
  TopologyDriver driver(builder.build().value());
  for (const char* id : {"first", "second"}) {
    driver.pipe("tills.requests", std::string(id), book("anna", 5), 1'000);
    driver.run_until_idle();
  }
  const auto entries = driver.store<std::string, RequestEntry>("requests");
  EXPECT_NE(entries.get("first")->state, entries.get("second")->state);
  return entries.get("first")->state;
}

TEST(RequestsThatWait, with_context_gives_the_outcome_to_who_asked_for_it) {
  EXPECT_EQ(state_of_the_first(true), RequestState::ended);
  EXPECT_EQ(state_of_the_first(false), RequestState::pending) << "the second gets its outcome";
}

TEST(RequestsDeclared, a_declared_topic_of_commands_may_be_the_one_of_the_requests) {
  TopologyBuilder builder("tills");
  const auto out = builder.emitter<std::string, TillEvent>("out");
  builder.declare_topic("tills.commands", log::TopicKind::commands);
  builder.stream<std::string, Book>("tills.commands").process<SlowTill>("till", out, true);
  Bookings::declare(builder, {.commands = "tills.commands"}, builder.stream(out));
  EXPECT_TRUE(builder.build());
}

TEST(RequestsLetters, a_dead_letter_of_a_step_ends_a_request_and_a_later_outcome_replaces_it) {
  TopologyDriver driver(tills({"stock"}));
  driver.declare_topic("stock.dead-letters", "stock");
  const auto entry = [&] {
    return *driver.store<std::string, RequestEntry>("requests").get("r-13");
  };
  driver.pipe("tills.requests", std::string("r-13"), book("anna", 13), driver.clock().wall_ms());
  driver.run_until_idle();
  driver.pipe_raw("stock.dead-letters", {.key = "product-1",
                                         .value = "what stock could not process",
                                         .headers = {{"ce_id", "s-1"},
                                                     {"ce_requestid", "tills.requests:r-13"},
                                                     {"dl-reason", "no such shelf"}},
                                         .timestamp_ms = 1'000});
  driver.run_until_idle();
  EXPECT_EQ(entry().state, RequestState::dead_lettered);
  EXPECT_EQ(entry().outcome, "no such shelf");
  EXPECT_THAT(entry().letter, testing::StartsWith("stock.dead-letters-"));
  const auto command = driver.all_raw("tills.commands").at(0);
  driver.pipe_raw("tills.commands", {.key = "anna",
                                     .value = R"({"pence":7})",
                                     .headers = command.headers,
                                     .timestamp_ms = 2'000});
  driver.run_until_idle();
  EXPECT_EQ(entry().state, RequestState::ended);
  EXPECT_EQ(entry().type, "Booked");
  EXPECT_TRUE(entry().replaced);
}

}  // namespace
}  // namespace millrace::stream::test
