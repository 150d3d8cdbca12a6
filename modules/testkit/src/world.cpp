// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/world.hpp"

#include <algorithm>
#include <array>

#include "millrace/base/fault_point.hpp"
#include "millrace/base/text.hpp"
#include "millrace/log/errors.hpp"
#include "topology_serdes.hpp"

namespace millrace::testkit {

namespace {

constexpr int rounds_max = 200'000;
constexpr int quiet_rounds = 20;
constexpr std::int64_t round_ms = 100;

// Fault points of this thread until the death that was drawn; 0: none was.
thread_local std::uint64_t points_to_death = 0;

void die_when_due(std::string_view point) {
  if (points_to_death > 0 && --points_to_death == 0) throw SimulatedDeath{point};
}

// Lets the code below die at its fault points.
class Mortality {
 public:
  explicit Mortality(std::uint64_t points) : former_(set_fault_handler(die_when_due)) {
    points_to_death = points;
  }
  ~Mortality() {
    points_to_death = 0;
    set_fault_handler(former_);
  }
  Mortality(const Mortality&) = delete;
  Mortality& operator=(const Mortality&) = delete;

 private:
  FaultHandler former_;
};

void append_bytes(std::string& out, const std::optional<std::string>& bytes) {
  if (!bytes) {
    out += "null";
    return;
  }
  for (const char c : *bytes) {
    if (c >= ' ' && c <= '~' && c != '\\') {
      out += c;
      continue;
    }
    out += "\\x" + hex({&c, 1});
  }
}

}  // namespace

struct World::Member {
  std::string service;
  std::string name;
  TopologyFactory topology;
  SeededRandom random{0};
  std::unique_ptr<log::Log> log;
  log::Log* of_broker = nullptr;               // what the broker knows `log` by
  std::unique_ptr<stream::Instance> instance;  // null: dead
};

World::World(std::uint64_t seed, WorldOptions options)
    : seed_(seed),
      options_(std::move(options)),
      random_(seed),
      broker_(clock_, true),
      writer_(broker_),
      tool_log_(broker_.connect({})),
      reader_(*tool_log_) {}

World::~World() = default;

void World::add_service(const std::string& service, TopologyFactory topology, int instances) {
  for (int i = 0; i < instances; ++i) {
    auto member = std::make_unique<Member>();
    member->service = service;
    member->name = service + "-" + std::to_string(i + 1);
    member->topology = topology;
    member->random = SeededRandom(random_.next());
    start(*member);
    members_.push_back(std::move(member));
  }
}

void World::start(Member& member) {
  log::LogOptions log_options;
  log_options.service = member.service;
  log_options.member = member.name;
  member.log = broker_.connect(std::move(log_options));
  member.of_broker = member.log.get();
  if (options_.between) member.log = options_.between(std::move(member.log));
  stream::InstanceOptions options = options_.instance;
  if (!options.state_directory.empty()) options.state_directory += "/" + member.name;
  stream::Topology topology = member.topology();
  use_serdes(topology, writer_, reader_);
  auto opened = stream::Instance::open(*member.log, std::move(topology), std::move(options),
                                       {clock_, files_, member.random, {}});
  if (!opened) throw TestError(name() + ": " + member.name + ": " + opened.error().to_string());
  member.instance = *std::move(opened);
}

void World::kill(Member& member) {
  broker_.kill_member(*member.of_broker);
  member.instance.reset();
  member.log.reset();
  ++deaths_;
}

bool World::step(Member& member, bool disturbed) {
  const bool dies = disturbed && chance(options_.deaths);
  if (disturbed && chance(options_.refused_commits)) {
    constexpr std::array codes{log::errc::fenced, log::errc::disk_full, log::errc::outcome_unknown};
    broker_.fail_commits(codes[random_.below(codes.size())], 1);
  }
  try {
    const Mortality mortality(dies ? 1 + random_.below(4) : 0);
    const auto result = member.instance->step();
    broker_.fail_commits(log::errc::fenced, 0);
    if (!result) throw TestError(name() + ": " + member.name + ": " + result.error().to_string());
    if (!dies) return result->worked;
  } catch (const SimulatedDeath&) {
    broker_.fail_commits(log::errc::fenced, 0);
  }
  kill(member);
  return true;
}

void World::step_randomly(int steps) {
  for (int i = 0; i < steps && !members_.empty(); ++i) {
    if (chance(options_.clock_jumps))
      clock_.jump_wall_ms(static_cast<std::int64_t>(random_.below(120'000)) - 60'000);
    if (random_.below(4) == 0)
      clock_.advance_ms(static_cast<std::int64_t>(random_.below(2 * round_ms)));
    Member& member = *members_[random_.below(members_.size())];
    if (!member.instance) {
      start(member);
    } else {
      step(member, true);
    }
  }
}

void World::pass_ms(std::int64_t ms) {
  for (std::int64_t left = ms; left > 0; left -= round_ms) {
    clock_.advance_ms(std::min(left, round_ms));
    for (const auto& member : members_) {
      if (!member->instance) continue;
      // A member that was given up meanwhile learns it by its next step.
      static_cast<void>(member->log->maintain());
      member->instance->maintain();
    }
  }
}

std::vector<World::Member*> World::living(const std::string& service) {
  std::vector<Member*> found;
  for (const auto& member : members_) {
    if (member->service == service && member->instance) found.push_back(member.get());
  }
  return found;
}

void World::crash(const std::string& service) {
  const std::vector<Member*> candidates = living(service);
  if (candidates.empty()) throw TestError(name() + ": no instance of " + service + " lives");
  kill(*candidates[random_.below(candidates.size())]);
}

void World::close(Member& member) {
  const Status closed = member.instance->close();
  member.instance.reset();
  member.log.reset();
  if (!closed)
    throw TestError(name() + ": closing " + member.name + ": " + closed.error().to_string());
}

void World::hand_over(const std::string& service) {
  const std::vector<Member*> candidates = living(service);
  if (!candidates.empty()) close(*candidates[random_.below(candidates.size())]);
}

void World::edit(const std::string& service, TopologyFactory topology) {
  for (Member* const member : living(service))
    close(*member);
  for (const auto& member : members_) {
    if (member->service == service) member->topology = topology;
  }
}

void World::run_to_rest() {
  for (const auto& member : members_) {
    if (!member->instance) start(*member);
  }
  std::uint64_t records_before = 0;
  for (int round = 0, quiet = 0; round < rounds_max; ++round) {
    std::uint64_t records = 0;
    bool resting = true;
    for (const auto& member : members_) {
      while (step(*member, false)) {
      }
      const stream::InstanceStatus status = member->instance->status();
      records += status.records;
      resting &= status.ready;
      for (const auto& task : status.tasks)
        resting &= task.lag == 0;
    }
    quiet = resting && records == records_before ? quiet + 1 : 0;
    if (quiet == quiet_rounds) return;
    records_before = records;
    clock_.advance_ms(round_ms);
  }
  throw TestError(name() + ": the world does not come to rest");
}

std::string World::dump() {
  std::string out;
  const auto topics = tool_log_->topics();
  if (!topics) throw TestError(name() + ": " + topics.error().to_string());
  for (const log::Topic& topic : *topics) {
    out += topic.spec.name + "\n";
    for (const RawRecord& record : reader_.all(topic.spec.name)) {
      out += "  " + std::to_string(record.partition) + "@" + std::to_string(record.offset) + " " +
             std::to_string(record.timestamp_ms) + " ";
      append_bytes(out, record.key);
      out += " -> ";
      append_bytes(out, record.value);
      for (const auto& [header, value] : record.headers) {
        out += " " + header + "=";
        append_bytes(out, value);
      }
      out += "\n";
    }
  }
  return out;
}

std::vector<stream::Instance*> World::instances(const std::string& service) {
  std::vector<stream::Instance*> found;
  for (const Member* const member : living(service))
    found.push_back(member->instance.get());
  return found;
}

}  // namespace millrace::testkit
