// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>

#include "embedded_world.hpp"

// What is left after the power went, and what is refused. On a simulated machine.
namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class EmbeddedRecovery : public testing::Test {
 protected:
  static std::string journal_path(std::uint64_t start = 0) {
    const std::string digits = std::to_string(start);
    return std::string(SimulatedMachine::directory) + "/journal/" +
           std::string(20 - digits.size(), '0') + digits + ".journal";
  }
  /// All members die, the machine stays up.
  static void die(std::unique_ptr<Log>& log) {
    abandon(*log);
    log.reset();
  }
  SimulatedMachine machine_;
};

TEST_F(EmbeddedRecovery, what_was_durable_survives_any_loss_of_power_and_commits_stay_whole) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SimulatedMachine machine;
    SeededRandom random(seed);
    std::vector<std::string> written;
    std::size_t durable = 0;
    for (int life = 0; life < 3; ++life) {
      auto log = machine.open();
      ASSERT_NE(log, nullptr) << "seed " << seed;
      const auto a = topic_at(*log, "t", 3);
      const auto b = TopicPartition{a.topic, partition(2)};
      const auto found = values_of(*log, a);
      ASSERT_EQ(found, values_of(*log, b)) << "seed " << seed;
      ASSERT_GE(found.size(), durable) << "seed " << seed;
      ASSERT_LE(found.size(), written.size()) << "seed " << seed;
      ASSERT_TRUE(std::equal(found.begin(), found.end(), written.begin())) << "seed " << seed;
      written = found;
      durable = found.size();
      const std::uint64_t commits = random.below(60);
      for (std::uint64_t i = 0; i < commits; ++i) {
        const std::string value = std::to_string(seed) + "." + std::to_string(written.size()) +
                                  std::string(random.below(3000), 'x');
        const auto committed = put_all(*log, {a, b}, value);
        ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
        written.push_back(value);
        if (random.below(4) == 0) {
          ASSERT_TRUE(log->wait_durable(committed->position).has_value());
          durable = written.size();
        }
      }
      if (random.below(4) == 0) {
        log.reset();
        durable = written.size();
      }
      machine.lose_power(random);
    }
  }
}

TEST_F(EmbeddedRecovery, a_process_that_dies_loses_nothing_while_the_machine_stays_up) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(put_all(*log, {partition}, std::to_string(i)).has_value());
  }
  const LogPosition end = log->committed();
  die(log);
  log = machine_.open();
  EXPECT_EQ(values_of(*log, partition).size(), 10U);
  EXPECT_EQ(log->committed().position, end.position);
  EXPECT_GT(log->committed().era, end.era);
  EXPECT_EQ(log->durable(), log->committed());
}

TEST_F(EmbeddedRecovery, a_flipped_byte_in_the_last_frame_cuts_it) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(put_all(*log, {partition}, "first").has_value());
  const std::uint64_t before = log->committed().position;
  ASSERT_TRUE(put_all(*log, {partition}, "second").has_value());
  const std::uint64_t end = log->committed().position;
  die(log);
  for (const std::uint64_t at : {before + 4, end - 20}) {
    ASSERT_TRUE(machine_.files.flip_bit(journal_path(), at, 3).has_value());
    const auto report = verify_log(SimulatedMachine::directory, machine_.environment);
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->end, before);
    EXPECT_TRUE(report->torn.has_value());
    EXPECT_FALSE(report->corrupt.has_value());
  }
  log = machine_.open();
  EXPECT_THAT(values_of(*log, partition), ElementsAre("first"));
  ASSERT_TRUE(put_all(*log, {partition}, "third").has_value());
  EXPECT_THAT(values_of(*log, partition), ElementsAre("first", "third"));
}

TEST_F(EmbeddedRecovery,
       a_flipped_byte_below_a_durable_position_is_refused_naming_file_and_position) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  const std::uint64_t before = log->committed().position;
  const auto first = put_all(*log, {partition}, "first");
  ASSERT_TRUE(log->wait_durable(first->position).has_value());
  ASSERT_TRUE(put_all(*log, {partition}, "second").has_value());
  die(log);
  ASSERT_TRUE(
      machine_.files.flip_bit(journal_path(), first->position.position - 20, 1).has_value());
  const auto opened = machine_.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().is(errc::corrupt)) << opened.error().to_string();
  EXPECT_THAT(opened.error().message(), HasSubstr(journal_path()));
  EXPECT_THAT(opened.error().message(), HasSubstr("position " + std::to_string(before)));

  const auto report = verify_log(SimulatedMachine::directory, machine_.environment);
  ASSERT_TRUE(report.has_value());
  ASSERT_TRUE(report->corrupt.has_value());
  EXPECT_EQ(report->corrupt->position, before);

  // Repair says what it would cut, then does it.
  const auto plan =
      repair_log(SimulatedMachine::directory, machine_.environment, true, machine_.regions);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->cut_from, before);
  EXPECT_FALSE(machine_.try_open().has_value());
  const auto repaired =
      repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions);
  ASSERT_TRUE(repaired.has_value());
  EXPECT_TRUE(repaired->changed);
  log = machine_.open();
  EXPECT_TRUE(values_of(*log, partition).empty());
}

TEST_F(EmbeddedRecovery, every_byte_of_a_frame_that_was_closed_in_order_is_guarded) {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  {
    auto log = machine_.open();
    const auto partition = topic_at(*log, "t");
    begin = log->committed().position;
    ASSERT_TRUE(put_all(*log, {partition}, "v").has_value());
    end = log->committed().position;
  }
  for (std::uint64_t at = begin; at < end; ++at) {
    ASSERT_TRUE(machine_.files.flip_bit(journal_path(), at, 0).has_value());
    const auto report = verify_log(SimulatedMachine::directory, machine_.environment);
    ASSERT_TRUE(report.has_value());
    EXPECT_TRUE(report->corrupt.has_value()) << at - begin;
    ASSERT_TRUE(machine_.files.flip_bit(journal_path(), at, 0).has_value());
  }
  EXPECT_FALSE(verify_log(SimulatedMachine::directory, machine_.environment)->corrupt.has_value());
}

TEST_F(EmbeddedRecovery, a_missing_segment_is_corruption) {
  {
    auto log = machine_.open();
    const auto partition = topic_at(*log, "t");
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(put_all(*log, {partition}, std::string(2000, 'x')).has_value());
    }
  }
  const auto names = machine_.files.list(std::string(SimulatedMachine::directory) + "/journal");
  ASSERT_GE(names->size(), 3U);
  ASSERT_TRUE(
      machine_.files.remove(std::string(SimulatedMachine::directory) + "/journal/" + (*names)[1])
          .has_value());
  const auto opened = machine_.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().is(errc::corrupt)) << opened.error().to_string();
}

TEST_F(EmbeddedRecovery,
       positions_sequences_topics_and_groups_survive_with_and_without_a_checkpoint) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t", 2);
  const GroupId group = log->group("g").value();
  Transaction transaction;
  transaction.append(partition, {0, "k", "once", {}});
  transaction.set_position(group, partition, offset(5));
  transaction.set_sequence("feed", 3);
  const auto first = log->commit(transaction);
  ASSERT_TRUE(first.has_value());
  for (const bool with_checkpoint : {false, true, false}) {
    if (with_checkpoint) {
      log.reset();
    } else {
      die(log);
      ASSERT_TRUE(machine_.files.remove(std::string(SimulatedMachine::directory) + "/checkpoint")
                      .has_value());
    }
    log = machine_.open();
    EXPECT_EQ(log->find_topic("t")->spec.partitions, 2);
    EXPECT_EQ(log->group("g").value(), group);
    EXPECT_EQ(log->position(group, partition).value(), offset(5));
    const auto again = log->commit(transaction);
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(again->repeated);
    EXPECT_EQ(again->position.position, first->position.position);
    EXPECT_EQ(again->partitions.at(0).first, first->partitions.at(0).first);
    EXPECT_THAT(values_of(*log, partition), ElementsAre("once"));
  }
}

TEST_F(EmbeddedRecovery, claims_of_a_former_life_are_stale) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  const GroupId group = log->group("g").value();
  Claim old;
  {
    auto membership = log->join(group, {"0_0"});
    old = (*membership)->poll()->granted.at(0);
    abandon(*log);
  }
  log = machine_.open();
  auto membership = log->join(group, {"0_0"});
  const Claim now = (*membership)->poll()->granted.at(0);
  EXPECT_GT(now.epoch(), old.epoch());
  Transaction transaction;
  transaction.append(partition, {0, "k", "v", {}});
  transaction.require(old);
  EXPECT_TRUE(log->commit(transaction).error().is(errc::fenced));
}

TEST_F(EmbeddedRecovery, a_directory_of_a_newer_format_is_refused) {
  machine_.open();
  ASSERT_TRUE(write_file_atomically(machine_.files,
                                    std::string(SimulatedMachine::directory) + "/version",
                                    "millrace-log 9 abc\n")
                  .has_value());
  const auto opened = machine_.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().is(errc::incompatible)) << opened.error().to_string();
}

TEST_F(EmbeddedRecovery, a_log_in_use_from_another_namespace_is_refused) {
  auto log = machine_.open();
  machine_.regions.enter_namespace(2);
  const auto opened = machine_.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().is(errc::incompatible)) << opened.error().to_string();
}

TEST_F(EmbeddedRecovery,
       a_damaged_control_file_is_made_again_when_nobody_uses_it_and_refused_while_somebody_does) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(put_all(*log, {partition}, "v").has_value());
  machine_.regions.flip_byte(SimulatedMachine::directory, 0);
  EXPECT_FALSE(machine_.try_open().has_value());
  die(log);
  for (std::uint64_t at = 1; at < 100'000; at += 997) {
    machine_.regions.flip_byte(SimulatedMachine::directory, at);
  }
  log = machine_.open();
  EXPECT_THAT(values_of(*log, partition), ElementsAre("v"));
}

TEST_F(EmbeddedRecovery, a_log_that_is_not_there_is_not_made_unless_asked) {
  LogOptions options = options_of();
  options.create = false;
  const auto opened = machine_.try_open(options);
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().is(errc::not_found));
  machine_.open();
  EXPECT_TRUE(machine_.try_open(options).has_value());
}

TEST_F(EmbeddedRecovery, damage_below_the_checkpoint_is_refused_when_the_log_is_opened) {
  std::uint64_t end = 0;
  {
    auto log = machine_.open();
    const auto partition = topic_at(*log, "t");
    end = put_all(*log, {partition}, "first")->position.position;
    ASSERT_TRUE(put_all(*log, {partition}, "second").has_value());
  }
  ASSERT_TRUE(machine_.files.flip_bit(journal_path(), end - 20, 1).has_value());
  const auto opened = machine_.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().is(errc::corrupt)) << opened.error().to_string();
}

TEST_F(EmbeddedRecovery, a_log_with_many_producers_and_positions_opens_again) {
  for (const bool with_checkpoint : {true, false}) {
    SimulatedMachine machine;
    auto log = machine.open();
    const auto partition = topic_at(*log, "t");
    const auto produce = [&](int producer, std::int64_t sequence) {
      Transaction transaction;
      transaction.append(partition, {0, "k", "v", {}});
      transaction.set_sequence("producer-" + std::to_string(producer), sequence);
      return log->commit(transaction);
    };
    // All that the table holds.
    for (int i = 0; i < 1024; ++i) {
      ASSERT_TRUE(produce(i, 1).has_value()) << i;
    }
    const auto refused = produce(1024, 1);
    ASSERT_FALSE(refused.has_value());
    EXPECT_TRUE(refused.error().is(errc::limit)) << refused.error().to_string();
    ASSERT_TRUE(produce(7, 2).has_value()) << "a row that is there needs no room";
    if (!with_checkpoint) {
      abandon(*log);
    }
    log.reset();
    log = machine.open();
    ASSERT_NE(log, nullptr);
    EXPECT_TRUE(produce(7, 2)->repeated);
    EXPECT_TRUE(produce(7, 3).has_value());
  }
}

TEST_F(EmbeddedRecovery, an_era_never_comes_again_after_a_repair) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(put_all(*log, {partition}, "first").has_value());
  log.reset();
  for (int i = 0; i < 3; ++i) {
    log = machine_.open();
    log.reset();
  }
  log = machine_.open();
  const auto last = put_all(*log, {partition}, "second");
  const std::uint32_t era = log->committed().era;
  log.reset();
  ASSERT_TRUE(machine_.files.flip_bit(journal_path(), last->position.position - 20, 1).has_value());
  ASSERT_FALSE(machine_.try_open().has_value());
  ASSERT_TRUE(repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions)
                  ->changed);
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  EXPECT_GT(log->committed().era, era);
  EXPECT_THAT(values_of(*log, partition), ElementsAre("first"));
}

TEST_F(EmbeddedRecovery, a_position_that_was_lost_with_the_power_never_becomes_durable) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  const LogPosition kept = put_all(*log, {partition}, "kept")->position;
  ASSERT_TRUE(log->wait_durable(kept).has_value());
  const LogPosition lost = put_all(*log, {partition}, "lost")->position;
  abandon(*log);
  machine_.regions.lose_power();
  machine_.files.lose_power();
  log = machine_.open();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(put_all(*log, {partition}, "later").has_value());
  }
  ASSERT_GT(log->committed().position, lost.position);
  EXPECT_TRUE(log->wait_durable(kept).has_value());
  const Status waited = log->wait_durable(lost);
  ASSERT_FALSE(waited.has_value());
  EXPECT_TRUE(waited.error().is(errc::out_of_range)) << waited.error().to_string();
}

TEST_F(EmbeddedRecovery,
       a_log_whose_files_are_taken_away_is_closed_for_the_members_that_have_it_open) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(put_all(*log, {partition}, "kept").has_value());
  ASSERT_TRUE(log->maintain().has_value());
  ASSERT_TRUE(machine_.files.remove(std::string(SimulatedMachine::directory) + "/version"));
  const Status gone = log->maintain();
  ASSERT_FALSE(gone.has_value());
  EXPECT_TRUE(gone.error().is(errc::closed)) << gone.error().to_string();
  EXPECT_THAT(gone.error().message(), HasSubstr("/log: the log vanished"));
  const auto lost = put_all(*log, {partition}, "lost");
  ASSERT_FALSE(lost.has_value()) << "nobody would ever read it";
  EXPECT_TRUE(lost.error().is(errc::closed));
  EXPECT_THAT(lost.error().message(), HasSubstr("/log: the log vanished"))
      << "whichever call noticed it first";
}

}  // namespace
}  // namespace millrace::log
