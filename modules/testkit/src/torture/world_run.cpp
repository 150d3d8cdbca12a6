// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "torture/world_run.hpp"

#include "torture/hostile.hpp"

namespace millrace::testkit {

namespace {

// Longer than the session of a member.
constexpr std::int64_t slow_ms = 12'000;
constexpr std::uint64_t slow_calls_max = 20;

WorldOptions world_options(WorldKind kind, const LogDouble& between) {
  WorldOptions options;
  if (kind == WorldKind::undisturbed) return options;
  options.between = between;
  options.instance.state_directory = "state";
  options.instance.snapshot_interval_ms = 500;
  if (kind == WorldKind::rough) options.deaths = 60;
  if (kind != WorldKind::edits) options.refused_commits = 30;
  return options;
}

}  // namespace

std::string to_string(WorldKind kind) {
  switch (kind) {
    case WorldKind::undisturbed:
      return "undisturbed";
    case WorldKind::rough:
      return "rough";
    case WorldKind::restarts:
      return "restarts";
    case WorldKind::edits:
      break;
  }
  return "edits";
}

WorldRun::WorldRun(WorldKind kind, const TortureTopology& topology, const TortureInputs& inputs,
                   const TortureOptions& options)
    : kind_(kind),
      topology_(&topology),
      inputs_(&inputs),
      options_(&options),
      plan_(topology()),
      torment_(
          options.seed, options.throwing,
          kind == WorldKind::undisturbed ? std::function<void()>() : [this] { be_slow(); }),
      world_(options.seed, world_options(kind, options.between)) {}

TortureTopology WorldRun::tormented(const TortureTopology& topology) const {
  return [this, &topology] { return torment_.apply(topology()); };
}

Tally WorldRun::run() {
  for (const TortureInputs::Topic& topic : inputs_->topics())
    world_.declare_topic(topic.name, topic.owner, topic.partitions, topic.kind);
  if (options_->all_at_once) {
    for (const auto& write : inputs_->writes())
      write(world_.writer());
  }
  const bool alone = kind_ == WorldKind::undisturbed || kind_ == WorldKind::restarts;
  world_.add_service(plan_.service(), tormented(*topology_), alone ? 1 : 2);
  feed();
  come_to_rest();
  for (const stream::Instance* instance : world_.instances(plan_.service())) {
    for (const std::string& topic : instance->status().waiting_for_topics)
      throw TestError("topic " + topic + " is not there: declare it with TortureInputs::topic()");
  }
  feed_hostile();
  quiet_ = true;
  world_.run_to_rest();
  Tally tally = Tally::take(plan_, *options_, world_.reader(), world_.instances(plan_.service()));
  letters_ = tally.letters();
  return tally;
}

void WorldRun::feed() {
  const std::size_t count = inputs_->writes().size();
  for (std::size_t i = 0; i < count; ++i) {
    if (!options_->all_at_once) inputs_->writes()[i](world_.writer());
    ++records_;
    live();
    if (kind_ != WorldKind::edits || (i != count / 3 && i != 2 * count / 3)) continue;
    world_.edit(plan_.service(), tormented(i == count / 3 ? options_->edited : *topology_));
    ++edits_;
  }
}

// What comes after the end of time or has no bounds must not be what the rest is compared by, so it
// comes last.
void WorldRun::feed_hostile() {
  for (const HostileGroup& group : hostile_groups(*inputs_, world_.reader())) {
    for (const auto& [topic, record] : group.records) {
      world_.writer().write_raw(topic, record);
      ++records_;
      live();
    }
    come_to_rest();
  }
}

void WorldRun::live() {
  const auto step = [&](std::uint64_t times) {
    world_.step_randomly(static_cast<int>(times));
    steps_ += times;
  };
  if (kind_ != WorldKind::restarts) {
    step(world_.random().below(6));
    if ((kind_ == WorldKind::rough || kind_ == WorldKind::edits) && chance(20)) {
      world_.hand_over(plan_.service());
      ++hand_overs_;
    }
    return;
  }
  constexpr int steps_per_record = 6;
  for (int i = 0; i < steps_per_record; ++i) {
    step(1);
    for (const stream::Instance* instance : world_.instances(plan_.service())) {
      if (instance->status().commits == 0) continue;
      world_.crash(plan_.service());
      break;
    }
  }
}

void WorldRun::come_to_rest() {
  if (kind_ != WorldKind::undisturbed) {
    constexpr int rounds = 10;
    for (int i = 0; i < rounds; ++i)
      live();
  }
  world_.run_to_rest();
}

void WorldRun::be_slow() {
  if (quiet_ || slow_calls_ == slow_calls_max || !chance(50)) return;
  ++slow_calls_;
  world_.pass_ms(slow_ms);
}

void WorldRun::report(TortureReport& report) const {
  report.records = records_;
  report.letters = letters_;
  report.deaths += world_.deaths();
  report.hand_overs += hand_overs_;
  report.slow_calls += slow_calls_;
  report.edits += edits_;
}

std::size_t WorldRun::tasks() {
  std::size_t tasks = 0;
  for (const stream::Instance* instance : world_.instances(plan_.service()))
    tasks += instance->status().tasks.size();
  return tasks;
}

}  // namespace millrace::testkit
