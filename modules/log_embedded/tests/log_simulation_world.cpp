// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_simulation_world.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace millrace::log {
namespace {

constexpr std::size_t simulated_value_bytes = 150;

}  // namespace

EmbeddedOptions LogSimulationWorld::options_for_simulation() {
  EmbeddedOptions options = settling();
  options.segment_bytes = 16U << 10U;
  options.settle.segment_bytes = 3'000;
  options.settle.compaction_step_bytes = chance(2) ? 1 : 1U << 20U;
  return options;
}

void LogSimulationWorld::begin(std::uint64_t seed) {
  reader_.reset();
  members_.clear();
  begin_again();
  random_.emplace(seed);
  pending_.reset();
  unsure_ = full_ = failing_ = lost_pages_ = marked_ = false;
  durable_ = 0;
  sequence_ = 0;
  former_.clear();
  latest_.clear();
  histories_.clear();
  noted_.clear();
  sequences_.clear();
  reads_.clear();
  for (std::size_t i = 0; i < members_max; ++i) {
    members_.emplace_back(machine().files);
  }
  open_member(members_[0]);
  make_topics(*members_[0].log);
  kept_at_[0] = topic_at(*members_[0].log, "kept", 2);
  kept_at_[1] = {kept_at_[0].topic, partition(1)};
  ASSERT_TRUE(members_[0].log->wait_durable(members_[0].log->committed()));
}

void LogSimulationWorld::open_member(SimulatedMember& one) {
  LogEnvironment environment{machine().clock, one.files, machine().random, machine().processes};
  const auto number = static_cast<std::size_t>(&one - members_.data());
  try {
    auto opened =
        open_embedded(SimulatedMachine::directory, environment,
                      options_of("stock", "m" + std::to_string(number)), options_for_simulation());
    if (opened) {
      one.log = *std::move(opened);
      // One that could not read the lineages begins without those of before.
      for (KeptHistory& history : histories_) {
        history.durable = history.durable && !one.files.failed();
      }
    } else {
      expect_allowed(one, opened.error());
    }
  } catch (const SimulatedDeath&) {
    ++seen_.deaths;
  }
}

void LogSimulationWorld::close(SimulatedMember& one, bool dies) {
  if (one.log != nullptr && dies) {
    abandon(*one.log);
  }
  for (const Claim& claim : one.claims) {
    former_.push_back({claim, false});
  }
  one.claims.clear();
  one.membership.reset();
  one.log.reset();
  one.files.fail_call(-1, millrace::errc::io_error);
}

bool LogSimulationWorld::is_marked() { return marked_ || machine().files.exists(root + "/FAILED"); }

void LogSimulationWorld::expect_allowed(const SimulatedMember& one, const Error& error) {
  const bool of_disk = error.is(errc::disk_full) || error.is(millrace::errc::disk_full) ||
                       error.is(millrace::errc::io_error) || error.is(errc::closed) ||
                       error.is(errc::outcome_unknown);
  const bool own = (one.files.failed() || failing_) && of_disk;
  const bool full = full_ && error.is(errc::disk_full);
  EXPECT_TRUE(own || full || error.is(errc::failed_sync)) << error.to_string();
  seen_.failed_calls += own ? 1 : 0;
  marked_ = marked_ || error.is(errc::failed_sync);
}

void LogSimulationWorld::repair() {
  reader_.reset();
  machine().files.set_capacity(UINT64_MAX);
  full_ = false;
  bool left = false;
  for (SimulatedMember& one : members_) {
    one.files.fail_call(-1, millrace::errc::io_error);
    left = left || one.log != nullptr;
    close(one, false);
  }
  // A disk that failed may have refused the file: the next member writes it.
  EXPECT_TRUE(!left || machine().files.exists(root + "/FAILED"));
  marked_ = false;
  if (lost_pages_) {
    // Repair reads past the page cache, which this machine forgets when the power goes.
    cut_power();
    lost_pages_ = false;
  }
  const auto repaired =
      repair_log(SimulatedMachine::directory, machine().environment, false, machine().regions);
  ASSERT_TRUE(repaired) << repaired.error().to_string();
  unsure_ = true;
  tombstones_from_ = {};
  ++seen_.repairs;
}

void LogSimulationWorld::record(const Pending& pending) {
  commands_.push_back(pending.command);
  table_.push_back(pending.row);
  sequences_.push_back(pending.sequence);
  noted_[pending.sequence].outcome = Outcome::committed;
  ++count_;
  ++seen_.commits;
}

void LogSimulationWorld::resolve() {
  if (is_marked()) {
    repair();
  }
  SimulatedMember& one = any();
  if (one.log != nullptr && one.files.failed()) {
    close(one, false);
  }
  one.files.fail_call(-1, millrace::errc::io_error);
  machine().files.set_capacity(UINT64_MAX);
  full_ = false;
  if (one.log == nullptr) {
    open_member(one);
  }
  ASSERT_NE(one.log, nullptr);
  // Completes or wipes what a dead member left.
  const Status kept = one.log->maintain();
  if (!kept && kept.error().is(errc::failed_sync)) {
    marked_ = true;
    return;
  }
  ASSERT_TRUE(kept) << kept.error().to_string();
  const auto end = static_cast<std::size_t>(one.log->end_offset(commands_at_).value().value);
  ASSERT_EQ(one.log->end_offset(table_at_).value(), offset(static_cast<std::int64_t>(end)));
  const std::size_t known = commands_.size();
  ASSERT_GE(end, unsure_ ? durable_ : known) << "a commit is lost";
  ASSERT_LE(end, known + (pending_ ? 1 : 0)) << "a commit that nobody made";
  const auto position = one.log->position(one.log->group("g").value(), commands_at_);
  ASSERT_TRUE(position) << position.error().to_string();
  ASSERT_EQ(position->value_or(offset(0)), offset(static_cast<std::int64_t>(end)));
  if (end < known) {
    seen_.lost_commits += static_cast<int>(known - end);
    commands_.resize(end);
    table_.resize(end);
    count_ = static_cast<std::int64_t>(end);
    lose_histories();
    forget_lost();
  }
  unsure_ = false;
  if (pending_ && end > known) {
    ++seen_.unknown_committed;
    record(*std::exchange(pending_, std::nullopt));
  } else if (pending_) {
    ++seen_.unknown_lost;
    if (chance(2)) {
      commit_one(one, *std::exchange(pending_, std::nullopt));
    }
    pending_.reset();
  }
  if (!pending_ && !is_marked()) {
    look_back(*one.log);
  }
}

void LogSimulationWorld::lose_histories() {
  for (KeptHistory& history : histories_) {
    history.lost = history.lost || history.commits > commands_.size();
  }
}

void LogSimulationWorld::look_back(Log& log) {
  for (const KeptHistory& history : histories_) {
    const Status past = log.check_past(history.lineage, history.position);
    ASSERT_FALSE(history.lost && past) << "commits that are lost are in the past of the log";
    ASSERT_TRUE(past || !history.durable) << past.error().to_string();
    ASSERT_TRUE(past || past.error().is(errc::out_of_range) ||
                past.error().is(errc::unknown_lineage))
        << past.error().to_string();
    seen_.kept_histories += history.durable ? 1 : 0;
    seen_.lost_histories += history.lost ? 1 : 0;
  }
}

LogSimulationWorld::Pending LogSimulationWorld::next_commit() {
  const std::int64_t now_ms = machine().clock.wall_ms();
  Pending next;
  next.sequence = ++sequence_;
  next.row = {offset(count_), "k" + std::to_string(random().below(keys)), std::nullopt, now_ms};
  if (!chance(5)) {
    next.row.value = std::to_string(sequence_) + std::string(simulated_value_bytes, 'x');
  }
  next.command = {offset(count_), "c", next.row.value.value_or("gone"), now_ms};
  return next;
}

void LogSimulationWorld::commit_one(SimulatedMember& one, Pending pending) {
  const auto group = one.log->group("g");
  if (!group) {
    return expect_allowed(one, group.error());
  }
  pending.command.offset = pending.row.offset = offset(count_);
  Transaction transaction;
  transaction.append(commands_at_, {count_, "c", pending.command.value, {}});
  for (const HistoryRecord& record : kept_values(pending.sequence)) {
    transaction.append(record.partition, {count_, "v", std::to_string(record.value), {}});
  }
  transaction.append(table_at_, {count_, pending.row.key, pending.row.value, {}});
  transaction.set_position(*group, commands_at_, offset(count_ + 1));
  transaction.set_sequence("p", pending.sequence);
  std::optional<Claim> claim;
  bool over = false;
  if (!former_.empty() && chance(6)) {
    const FormerClaim& former = former_[random().below(former_.size())];
    claim = former.claim;
    over = former.over;
  } else if (!one.claims.empty() && chance(2)) {
    claim = one.claims[random().below(one.claims.size())];
  }
  if (claim) {
    transaction.require(*claim);
  }
  pending_ = pending;
  noted_[pending.sequence] = {static_cast<int>(&one - members_.data()), Outcome::unknown};
  const auto committed = one.log->commit(transaction);
  if (!committed) {
    const bool fenced = committed.error().is(errc::fenced) && claim;
    if (fenced || committed.error().is(errc::disk_full)) {
      pending_.reset();
      noted_[pending.sequence].outcome = Outcome::refused;
    }
    seen_.fenced += fenced ? 1 : 0;
    if (!fenced) {
      expect_allowed(one, committed.error());
    }
    return;
  }
  pending_.reset();
  EXPECT_FALSE(over) << "a commit under a claim that was lost";
  EXPECT_TRUE(!claim || claim->epoch() >= latest_[claim->task()]) << "under an earlier claim";
  EXPECT_EQ(committed->partitions.front().first, pending.command.offset);
  EXPECT_EQ(committed->partitions.back().first, pending.row.offset);
  record(pending);
  if (chance(8)) {
    const auto again = one.log->commit(transaction);
    if (again) {
      EXPECT_TRUE(again->repeated);
      EXPECT_EQ(again->position, committed->position);
      ++seen_.repeated;
    } else if (!(again.error().is(errc::fenced) && claim)) {
      expect_allowed(one, again.error());
    }
  }
  KeptHistory history{one.log->lineage(), committed->position, commands_.size(), false, false};
  if (chance(2)) {
    const Status durable = one.log->wait_durable(committed->position);
    if (durable) {
      durable_ = std::max(durable_, history.commits);
      history.durable = true;
    } else {
      expect_allowed(one, durable.error());
    }
  }
  histories_.push_back(history);
}

void LogSimulationWorld::check(Log& log) {
  if (count_ == 0) {
    return;
  }
  const std::size_t sizes[] = {1, 1'000, std::size_t{1} << 20U};
  const std::size_t bytes = sizes[random().below(std::size(sizes))];
  ASSERT_EQ(commands_problem(log, bytes), "");
  ASSERT_EQ(table_problem(log, bytes), "");
}

std::vector<HistoryRecord> LogSimulationWorld::kept_values(std::int64_t sequence) const {
  return {{kept_at_[0], {}, 2 * sequence}, {kept_at_[1], {}, 2 * sequence + 1}};
}

void LogSimulationWorld::read_on(int client, Log& log) {
  Reads& reads = reads_[client];
  FetchBuffer buffer;
  for (std::size_t i = 0; i < std::size(kept_at_); ++i) {
    const Status fetched = log.fetch(kept_at_[i], reads.next[i], 2'000, buffer);
    ASSERT_TRUE(fetched) << fetched.error().to_string();
    for (const RecordView& record : buffer.records) {
      reads.records.push_back(
          {kept_at_[i], record.offset, std::stoll(std::string(record.value.value_or("-1")))});
    }
    reads.next[i] = buffer.next;
  }
}

void LogSimulationWorld::forget_lost() {
  for (; sequences_.size() > commands_.size(); sequences_.pop_back()) {
    noted_[sequences_.back()].outcome = Outcome::unknown;
  }
  const Offset end = offset(static_cast<std::int64_t>(commands_.size()));
  for (auto& [client, reads] : reads_) {
    std::erase_if(reads.records, [&](const HistoryRecord& one) { return one.offset >= end; });
    for (Offset& next : reads.next) {
      next = std::min(next, end);
    }
  }
}

void LogSimulationWorld::check_history(Log& log) {
  History history;
  for (const auto& [sequence, noted] : noted_) {
    history.add_commit(noted.client, noted.outcome, kept_values(sequence));
  }
  for (const auto& [client, reads] : reads_) {
    history.add_read(client, reads.records);
    seen_.reads += static_cast<int>(reads.records.size());
  }
  const int last = static_cast<int>(members_max) + 1;
  for (std::size_t before = 1; before != reads_[last].records.size() && !HasFailure();) {
    before = reads_[last].records.size();
    read_on(last, log);
  }
  EXPECT_EQ(reads_[last].records.size(), 2 * sequences_.size());
  EXPECT_THAT(history.anomalies(reads_[last].records, true), testing::IsEmpty());
}

void LogSimulationWorld::cut_power() {
  machine().lose_power(random());
  for (SimulatedMember& one : members_) {
    close(one, false);
  }
  for (FormerClaim& one : former_) {
    one.over = true;
  }
  reader_.reset();
  unsure_ = true;
  tombstones_from_ = {};
}

}  // namespace millrace::log
