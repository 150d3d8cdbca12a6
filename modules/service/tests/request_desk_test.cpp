// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/request_desk.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "millrace/log/errors.hpp"
#include "millrace/testkit/world.hpp"
#include "request_tills.hpp"

namespace millrace::service {
namespace {

using stream::RequestState;
using testkit::World;
using testkit::WorldOptions;

/// An instance that has connections: it dies apart from those that process.
class Edge {
 public:
  Edge(World& world, const std::string& name, std::size_t pending_max = 1'000)
      : world_(world),
        random_(world.random().next()),
        log_(world.broker().connect({.service = "tills", .member = name})),
        writer_(std::make_unique<stream::RecordWriter>(*log_, world.clock(), random_)) {
    auto opened =
        RequestDesk::open(*log_, *writer_, {.service = "tills", .pending_max = pending_max});
    if (!opened) throw std::runtime_error(opened.error().to_string());
    desk_ = *std::move(opened);
  }
  ~Edge() {
    world_.broker().kill_member(*log_);  // what waits for the commit is lost
  }
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  RequestDesk& desk() { return *desk_; }
  void commit() { writer_->commit_all(); }
  void step() {
    commit();
    while (desk_->step().value()) {
    }
  }
  /// The replies come into `replies`.
  Result<RequestDesk::Ticket> ask(const std::string& id, const stream::RequestAsked& body,
                                  std::int64_t within_ms = 600'000) {
    return desk_->ask({.id = id, .body = body, .within_ms = within_ms},
                      [this, id](Result<RequestReply> reply) {
                        if (reply) replies[id].push_back(*std::move(reply));
                        if (!reply) failures[id].push_back(reply.error());
                      });
  }

  std::map<std::string, std::vector<RequestReply>> replies;
  std::map<std::string, std::vector<Error>> failures;

 private:
  World& world_;
  SeededRandom random_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<stream::RecordWriter> writer_;
  std::unique_ptr<RequestDesk> desk_;
};

class DeskOfRequests : public testing::Test {
 protected:
  DeskOfRequests() {
    world.add_service("tills", [] { return tills::topology(); }, 2);
  }

  void run(std::initializer_list<Edge*> edges) {
    for (int round = 0; round < 2; ++round) {
      for (Edge* edge : edges)
        edge->commit();
      world.run_to_rest();
      for (Edge* edge : edges)
        edge->step();
    }
  }

  World world{1};
};

TEST_F(DeskOfRequests, a_request_is_replied_to_with_its_outcome) {
  Edge edge(world, "edge");
  ASSERT_TRUE(edge.ask("r-1", tills::book("anna", 500)));
  ASSERT_TRUE(edge.ask("r-2", tills::book("anna", -501)));
  EXPECT_EQ(edge.desk().pending(), 2U);
  run({&edge});
  ASSERT_EQ(edge.replies["r-1"].size(), 1U);
  const RequestReply& reply = edge.replies["r-1"][0];
  EXPECT_EQ(reply.state, RequestState::ended);
  EXPECT_EQ(reply.type, "Booked");
  EXPECT_EQ(reply.outcome, R"({"total":500})");
  EXPECT_NE(reply.position.position, 0U);
  EXPECT_EQ(edge.replies["r-2"].at(0).type, "Refused");
  EXPECT_EQ(edge.desk().pending(), 0U);
}

TEST_F(DeskOfRequests, four_instances_share_one_outcome_and_another_body_is_refused) {
  Edge first(world, "edge-1");
  Edge second(world, "edge-2");
  Edge third(world, "edge-3");
  Edge fourth(world, "edge-4");
  Edge other(world, "edge-5");
  for (Edge* edge : {&first, &second, &third, &fourth})
    ASSERT_TRUE(edge->ask("r-1", tills::book("anna", 500)));
  first.commit();
  ASSERT_TRUE(other.ask("r-1", tills::book("anna", 600)));
  run({&first, &second, &third, &fourth, &other});
  for (Edge* edge : {&first, &second, &third, &fourth}) {
    ASSERT_EQ(edge->replies["r-1"].size(), 1U);
    EXPECT_EQ(edge->replies["r-1"][0].outcome, R"({"total":500})");
    EXPECT_FALSE(edge->replies["r-1"][0].id_reused);
  }
  ASSERT_EQ(other.replies["r-1"].size(), 1U);
  EXPECT_TRUE(other.replies["r-1"][0].id_reused);
  EXPECT_EQ(world.reader().all("tills.commands").size(), 1U);
}

TEST_F(DeskOfRequests, a_request_whose_time_passes_is_pending_when_it_is_in_the_log) {
  Edge edge(world, "edge");
  ASSERT_TRUE(edge.ask("r-13", tills::book("anna", 13), 1'000));
  world.clock().advance_ms(1'001);
  ASSERT_TRUE(edge.desk().step());
  EXPECT_TRUE(edge.replies["r-13"].empty()) << "it is not in the log, and may be lost";
  edge.commit();
  ASSERT_EQ(edge.replies["r-13"].size(), 1U);
  EXPECT_EQ(edge.replies["r-13"][0].state, RequestState::pending);
  EXPECT_EQ(edge.desk().pending(), 0U);

  ASSERT_TRUE(edge.ask("r-13", tills::book("anna", 13), 1'000));
  edge.commit();
  world.clock().jump_wall_ms(3'600'000);
  ASSERT_TRUE(edge.desk().step());
  EXPECT_EQ(edge.replies["r-13"].size(), 1U) << "only the wall clock has moved";
  world.clock().advance_ms(1'001);
  ASSERT_TRUE(edge.desk().step());
  EXPECT_EQ(edge.replies["r-13"].size(), 2U);
  EXPECT_FALSE(edge.replies["r-13"][1].is_known) << "its owner has not run";

  ASSERT_TRUE(edge.ask("r-13", tills::book("anna", 13), 1'000));
  run({&edge});
  world.clock().advance_ms(1'001);
  ASSERT_TRUE(edge.desk().step());
  EXPECT_TRUE(edge.replies["r-13"].at(2).is_known);
}

TEST_F(DeskOfRequests, a_late_outcome_is_found_by_asking_again) {
  Edge edge(world, "edge");
  ASSERT_TRUE(edge.ask("r-1", tills::book("anna", 5), 0));
  edge.step();
  EXPECT_EQ(edge.replies["r-1"].at(0).state, RequestState::pending);
  run({&edge});
  ASSERT_TRUE(edge.ask("r-1", tills::book("anna", 5)));
  run({&edge});
  EXPECT_EQ(edge.replies["r-1"].at(1).type, "Booked");
}

TEST_F(DeskOfRequests, a_client_that_goes_away_frees_its_slot) {
  Edge edge(world, "edge", 2);
  const auto ticket = edge.ask("r-1", tills::book("anna", 5));
  ASSERT_TRUE(ticket);
  ASSERT_TRUE(edge.ask("r-2", tills::book("anna", 5)));
  EXPECT_TRUE(edge.ask("r-3", tills::book("anna", 5)).error().is(millrace::errc::busy));
  EXPECT_TRUE(edge.desk().withdraw(*ticket));
  EXPECT_FALSE(edge.desk().withdraw(*ticket));
  EXPECT_TRUE(edge.ask("r-3", tills::book("anna", 5)));
  run({&edge});
  EXPECT_TRUE(edge.replies["r-1"].empty());
  EXPECT_EQ(edge.replies["r-3"].size(), 1U);
}

TEST_F(DeskOfRequests, a_drain_replies_to_what_is_pending) {
  Edge edge(world, "edge");
  ASSERT_TRUE(edge.ask("r-13", tills::book("anna", 13)));
  edge.commit();
  ASSERT_TRUE(edge.ask("r-1", tills::book("anna", 13)));
  edge.desk().drain();
  EXPECT_EQ(edge.replies["r-13"].at(0).state, RequestState::pending);
  EXPECT_TRUE(edge.replies["r-1"].empty());
  edge.commit();
  EXPECT_EQ(edge.replies["r-1"].at(0).state, RequestState::pending);
}

TEST_F(DeskOfRequests, a_request_that_is_not_appended_fails) {
  Edge edge(world, "edge");
  for (const std::string& id : {std::string(), std::string(1'025, 'x')})
    EXPECT_TRUE(edge.ask(id, tills::book("anna", 5)).error().is(millrace::errc::invalid_argument));
  EXPECT_TRUE(edge.ask("r-1", tills::book(std::string(3U << 20U, 'x'), 5))
                  .error()
                  .is(log::errc::too_large));
  EXPECT_EQ(edge.desk().pending(), 0U);
  ASSERT_TRUE(edge.ask("r-2", tills::book("anna", 5)));
  world.broker().fail_commits(log::errc::outcome_unknown, 1);
  edge.commit();
  EXPECT_TRUE(edge.failures["r-2"].at(0).is(log::errc::outcome_unknown));
  EXPECT_EQ(edge.desk().pending(), 0U);
}

TEST_F(DeskOfRequests, the_store_of_the_instance_spares_the_append) {
  Edge edge(world, "edge");
  ASSERT_TRUE(edge.ask("r-1", tills::book("anna", 5)));
  run({&edge});
  const std::size_t asked = world.reader().all("tills.requests").size();
  SeededRandom random(7);
  const auto log = world.broker().connect({.service = "tills", .member = "knows"});
  stream::RecordWriter writer(*log, world.clock(), random);
  stream::RequestEntry entry;
  entry.body = stream::body_hash(tills::book("anna", 5));
  entry.state = RequestState::ended;
  entry.type = "Booked";
  const auto desk =
      RequestDesk::open(*log, writer, {.service = "tills", .look = [&](std::string_view) {
                                         return stream::Answer<std::optional<stream::RequestEntry>>{
                                             entry, log->committed()};
                                       }});
  ASSERT_TRUE(desk);
  std::vector<RequestReply> replies;
  const auto keep = [&](Result<RequestReply> reply) { replies.push_back(reply.value()); };
  ASSERT_TRUE((*desk)->ask({.id = "r-1", .body = tills::book("anna", 5)}, keep));
  ASSERT_TRUE((*desk)->ask({.id = "r-1", .body = tills::book("anna", 6)}, keep));
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].type, "Booked");
  EXPECT_TRUE(replies[1].id_reused);
  writer.commit_all();
  EXPECT_EQ(world.reader().all("tills.requests").size(), asked);
}

TEST_F(DeskOfRequests, what_was_replied_to_does_not_fail_although_the_writer_is_full) {
  const stream::RequestAsked body = tills::book("anna", 5);
  SeededRandom random(7);
  const auto log = world.broker().connect({.service = "tills", .member = "full"});
  stream::RecordWriter writer(*log, world.clock(), random, 1);
  std::unique_ptr<RequestDesk> desk;
  // Between the look and the append an equal request of another instance gets its outcome.
  const auto look = [&](std::string_view) {
    Edge other(world, "other");
    EXPECT_TRUE(other.ask("r-1", body));
    run({&other});
    EXPECT_TRUE(desk->step());
    return Result<stream::Answer<std::optional<stream::RequestEntry>>>(
        fail(millrace::errc::busy, "the view is not here"));
  };
  desk = RequestDesk::open(*log, writer, {.service = "tills", .look = look}).value();
  Edge edge(world, "edge");
  ASSERT_TRUE(edge.ask("r-0", body));
  run({&edge});
  const auto topic = log->find_topic("tills.requests").value();
  ASSERT_TRUE(writer.append({topic.id, log::partition(0)}, {0, "x", "x", {}},
                            [](const Result<log::LogPosition>&) {}));
  int replies = 0;
  const auto ticket = desk->ask({.id = "r-1", .body = body}, [&](auto) { ++replies; });
  EXPECT_EQ(replies, 1);
  EXPECT_TRUE(ticket) << "the caller would respond a second time";
}

TEST_F(DeskOfRequests, times_pass_while_entries_cannot_be_read) {
  Edge edge(world, "edge");
  ASSERT_TRUE(edge.ask("r-1", tills::book("anna", 5)));
  run({&edge});
  ASSERT_TRUE(edge.ask("r-13", tills::book("anna", 13), 1'000));
  edge.commit();
  SeededRandom random(7);
  const auto log = world.broker().connect({.service = "tills", .member = "newer"});
  stream::RecordWriter writer(*log, world.clock(), random);
  const auto topic = log->find_topic("tills.requests.changelog").value();
  ASSERT_TRUE(writer.append({topic.id, log::partition(0)}, {0, "r-13", "\xff", {}},
                            [](const auto& outcome) { EXPECT_TRUE(outcome); }));
  writer.commit_all();
  world.clock().advance_ms(1'001);
  EXPECT_FALSE(edge.desk().step());
  ASSERT_EQ(edge.replies["r-13"].size(), 1U);
  EXPECT_EQ(edge.replies["r-13"][0].state, RequestState::pending);
  EXPECT_FALSE(edge.desk().step().value()) << "the entry is passed over";
}

/// What happens to a request between the first try and the one that is replied to.
enum class Mishap : std::uint8_t {
  none,
  dies_before_append,
  dies_after_append,
  dies_after_outcome,
  owner_dies,
  reply_is_late
};
constexpr std::uint64_t mishaps = 6;

// The replies to one request, whichever edge it was asked of.
struct Asked {
  std::string id;
  stream::RequestAsked body;
  std::set<std::string> outcomes;
};

// Asks again, at other edges, until there is an outcome.
void insist(World& world, std::vector<std::unique_ptr<Edge>>& edges, Asked& asked) {
  for (int tries = 0; tries < 200; ++tries) {
    Edge& edge = *edges[world.random().below(edges.size())];
    edge.replies.clear();
    ASSERT_TRUE(edge.ask(asked.id, asked.body, 2'000));
    for (int turn = 0; turn < 30 && edge.replies[asked.id].empty(); ++turn) {
      edge.step();
      world.step_randomly(10);
    }
    world.clock().advance_ms(2'001);
    edge.step();
    ASSERT_FALSE(edge.replies[asked.id].empty());
    bool has_ended = false;
    for (const RequestReply& reply : edge.replies[asked.id]) {
      ASSERT_FALSE(reply.id_reused);
      if (reply.state != RequestState::ended) continue;
      asked.outcomes.insert(reply.type + " " + reply.outcome);
      has_ended = true;
    }
    if (has_ended) return;
  }
  FAIL() << asked.id << " has no outcome";
}

void suffer(World& world, std::vector<std::unique_ptr<Edge>>& edges, Mishap mishap,
            const Asked& asked) {
  static int named = 0;
  std::unique_ptr<Edge>& edge = edges[world.random().below(edges.size())];
  const bool is_late = mishap == Mishap::reply_is_late;
  ASSERT_TRUE(edge->ask(asked.id, asked.body, is_late ? 0 : 600'000));
  if (mishap != Mishap::dies_before_append) edge->commit();
  if (mishap == Mishap::owner_dies) {
    world.step_randomly(static_cast<int>(world.random().below(20)));
    if (!world.instances("tills").empty()) world.crash("tills");
  }
  if (mishap == Mishap::dies_after_outcome) world.step_randomly(60);
  if (mishap >= Mishap::dies_before_append && mishap <= Mishap::dies_after_outcome)
    edge = std::make_unique<Edge>(world, "edge-again-" + std::to_string(++named));
}

TEST(RequestsInAWorld, whatever_dies_each_request_has_one_outcome) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    WorldOptions rough;
    rough.deaths = 30;
    rough.refused_commits = 20;
    rough.clock_jumps = 20;
    World world(seed, rough);
    SCOPED_TRACE(world.name());
    world.add_service("tills", [] { return tills::topology(); }, 3);
    std::vector<std::unique_ptr<Edge>> edges;
    for (int i = 0; i < 3; ++i)
      edges.push_back(std::make_unique<Edge>(world, "edge-" + std::to_string(i)));
    std::vector<Asked> all;
    for (int i = 0; i < 12; ++i) {
      Asked& asked = all.emplace_back();
      asked.id = "r-" + std::to_string(i);
      asked.body = tills::book("till-" + std::to_string(i % 3), i % 4 == 3 ? -1'000 : 10);
      suffer(world, edges, static_cast<Mishap>(world.random().below(mishaps)), asked);
      insist(world, edges, asked);
      if (HasFatalFailure()) return;
    }
    for (Asked& asked : all)
      insist(world, edges, asked);
    if (HasFatalFailure()) return;
    for (const Asked& asked : all)
      EXPECT_EQ(asked.outcomes.size(), 1U) << asked.id;
    EXPECT_EQ(world.reader().all("tills.commands").size(), all.size());
    EXPECT_GT(world.deaths(), 0U);
    world.run_to_rest();
    std::int64_t total = 0;
    for (stream::Instance* const instance : world.instances("tills")) {
      const auto view = instance->view<std::string, std::int64_t>("totals");
      const auto entries = view->all(100);
      if (!entries) continue;
      for (const auto& [till, pence] : entries->value)
        total += pence;
    }
    EXPECT_EQ(total, 9 * 10);
  }
}

}  // namespace
}  // namespace millrace::service
