// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <boost/describe/class.hpp>
#include <map>
#include <set>

#include "millrace/stream/topology.hpp"
#include "millrace/testkit/world.hpp"

namespace millrace::testkit {
namespace {

struct Delivered {
  std::string product;
  std::int64_t kind = 0;
};
BOOST_DESCRIBE_STRUCT(Delivered, (), (product, kind))

struct Shelf {
  std::int64_t deliveries = 0;
  std::int64_t reports = 0;
};
BOOST_DESCRIBE_STRUCT(Shelf, (), (deliveries, reports))

struct Note {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Note, (), (text))

constexpr std::int64_t throws = 1;
constexpr std::int64_t too_long = 2;
constexpr std::int64_t too_many = 3;

// Counts deliveries by product; some fail after their effects, in three ways. A sweep reports each
// shelf from time to time.
class Depot final : public stream::Processor<std::string, Delivered> {
 public:
  Depot(stream::StoreRef<std::string, Shelf> shelves, stream::Emitter<std::string, Note> notes,
        stream::Emitter<std::string, Note> reports)
      : shelves_(shelves), notes_(notes), reports_(reports) {}
  void open(stream::ProcessorContext& context) override {
    context.sweep(
        "report", stream::PunctuationType::wall_clock, 700, shelves_,
        [this, context](const std::string& product, const Shelf& shelf, std::int64_t) mutable {
          context.emit(reports_, product, Note{std::to_string(shelf.deliveries)});
          Shelf reported = shelf;
          ++reported.reports;
          context.store(shelves_).put(product, reported);
        });
  }
  void process(const std::string& key, const Delivered& delivered,
               stream::ProcessorContext& context) override {
    auto shelves = context.store(shelves_);
    Shelf shelf = shelves.get(delivered.product).value_or(Shelf{});
    ++shelf.deliveries;
    shelves.put(delivered.product, shelf);
    context.emit(notes_, key, Note{delivered.product});
    if (delivered.kind == throws) throw std::runtime_error("the shelf fell over");
    if (delivered.kind == too_long) context.emit(notes_, key, Note{std::string(2'000'000, 'x')});
    for (int i = 0; delivered.kind == too_many && i < 30; ++i)
      context.emit(notes_, key, Note{std::string(200'000, 'x')});
  }

 private:
  stream::StoreRef<std::string, Shelf> shelves_;
  stream::Emitter<std::string, Note> notes_;
  stream::Emitter<std::string, Note> reports_;
};

stream::Topology depot() {
  stream::TopologyBuilder builder("depot");
  const auto shelves = builder.store<std::string, Shelf>("shelves");
  const auto notes = builder.emitter<std::string, Note>("notes");
  const auto reports = builder.emitter<std::string, Note>("reports");
  builder.stream<std::string, Delivered>("deliveries")
      .process<Depot>("depot", shelves, notes, reports);
  builder.stream(notes).to("depot.notes");
  builder.stream(reports).to("depot.reports");
  auto built = builder.build();
  if (!built) throw TestError(built.error().to_string());
  return *std::move(built);
}

constexpr int deliveries = 60;

// What the log holds at the end, whatever died or was refused on the way.
void live_and_check(std::uint64_t seed) {
  WorldOptions options;
  options.deaths = 60;
  options.refused_commits = 30;
  options.clock_jumps = 20;
  World world(seed, options);
  SCOPED_TRACE(world.name());
  world.declare_topic("deliveries", "supplier");
  world.add_service("depot", depot, 2);
  std::set<std::string> failing;
  for (int i = 0; i < deliveries; ++i) {
    const std::string key = "delivery-" + std::to_string(i);
    const std::int64_t kind = i % 4 == 0 ? 1 + i % 3 : 0;
    if (kind != 0) failing.insert(key);
    world.write("deliveries", key, Delivered{"product-" + std::to_string(i % 7), kind}, 1'000 + i);
    world.step_randomly(4);
  }
  world.run_to_rest();

  std::map<std::string, int> notes;
  for (const auto& note : world.reader().decode_all<std::string, Note>(
           "depot.notes", world.reader().all("depot.notes")))
    ++notes[note.key];
  std::map<std::string, int> letters;
  for (const RawRecord& letter : world.reader().all("depot.dead-letters"))
    ++letters[letter.key.value_or("")];
  EXPECT_EQ(letters.size(), failing.size());
  EXPECT_EQ(notes.size(), deliveries - failing.size());
  for (const auto& [key, times] : letters)
    EXPECT_TRUE(times == 1 && failing.contains(key)) << key << ", " << times << " letters";
  for (const auto& [key, times] : notes)
    EXPECT_TRUE(times == 1 && !failing.contains(key)) << key << ", " << times << " notes";

  std::map<std::string, std::int64_t> reports;
  std::set<std::string> ids;
  for (const RawRecord& report : world.reader().all("depot.reports")) {
    ++reports[*report.key];
    EXPECT_TRUE(ids.insert(report.header("ce_id")).second) << report.header("ce_id");
  }
  // A product's shelf may stand in each partition.
  std::map<std::string, std::int64_t> counted;
  std::int64_t delivered = 0;
  for (stream::Instance* instance : world.instances("depot")) {
    const auto all = instance->view<std::string, Shelf>("shelves").value().all(10'000);
    if (!all) continue;  // this instance has no task of the store
    for (const auto& [product, shelf] : all->value) {
      counted[product] += shelf.reports;
      delivered += shelf.deliveries;
    }
  }
  EXPECT_EQ(delivered, deliveries - static_cast<std::int64_t>(failing.size()));
  EXPECT_EQ(reports, counted);
}

TEST(World, what_fails_costs_itself_whatever_dies) {
  for (std::uint64_t seed = 1; seed <= 15; ++seed)
    live_and_check(seed);
}

}  // namespace
}  // namespace millrace::testkit
