// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <type_traits>

#include "alone.hpp"
#include "control.hpp"
#include "embedded_world.hpp"
#include "writer_lock.hpp"

// What holds whenever a frame becomes part of the log. A member that finds it broken stops before
// it writes a byte, for whatever it wrote could not be relied on.
namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using embedded::Alone;
using embedded::Control;
using embedded::Locked;
using embedded::WriterLock;

static_assert(!std::is_default_constructible_v<Locked> && !std::is_copy_constructible_v<Locked> &&
                  !std::is_move_constructible_v<Locked>,
              "the right to write is a reference to what was obtained");
static_assert(!std::is_default_constructible_v<Alone> &&
                  !std::is_constructible_v<WriterLock::Held, WriterLock&>,
              "it is obtained from the writer lock or the region, not made");

class EmbeddedInvariants : public testing::Test {
 protected:
  EmbeddedInvariants()
      : region_(*machine_.regions.open(SimulatedMachine::directory, false)), log_(machine_.open()) {
    orders_ = topic_at(*log_, "orders");
  }
  // A member that leaves in order writes a checkpoint of the tables that the test broke.
  void TearDown() override {
    if (log_ != nullptr) {
      abandon(*log_);
    }
  }
  /// The memory that the members share, while this test's member holds the log open.
  Control& control() {
    return *reinterpret_cast<Control*>(region_->map(sizeof(Control), false).value());
  }
  /// The row of `orders`: the log's own topics have the first ones.
  embedded::PartitionRow& row() {
    for (embedded::PartitionRow& row : control().partitions) {
      if (row.topic == orders_.topic.value) {
        return row;
      }
    }
    ADD_FAILURE() << "the topic has no row";
    return control().partitions[0];
  }
  void commit() { static_cast<void>(put_all(*log_, {orders_}, "ordered")); }
  std::unique_ptr<Log> another(const std::string& name) {
    auto log = machine_.open(options_of("stock", name));
    EXPECT_EQ(topic_at(*log, "orders"), orders_);
    return log;
  }
  static std::string journal_path(std::uint64_t start) {
    const std::string digits = std::to_string(start);
    return std::string(SimulatedMachine::directory) + "/journal/" +
           std::string(20 - digits.size(), '0') + digits + ".journal";
  }

  SimulatedMachine machine_;
  std::unique_ptr<SharedRegion> region_;
  std::unique_ptr<Log> log_;
  TopicPartition orders_;
};

TEST_F(EmbeddedInvariants, hold_in_a_log_that_works) {
  commit();
  commit();
  EXPECT_EQ(row().next_offset, 2);
  const Control& shared = control();
  const std::uint64_t committed = shared.committed.load();
  EXPECT_TRUE(shared.tails[0].end == committed || shared.tails[1].end == committed);
}

TEST_F(EmbeddedInvariants, a_log_whose_last_frame_ends_elsewhere_takes_no_commit) {
  commit();
  control().tails[0].end += 8;
  control().tails[1].end += 16;
  EXPECT_DEATH(commit(), "/log/control: the last frame ends at position .* but the log at");
}

TEST_F(EmbeddedInvariants, a_commit_leaves_no_gap_in_the_offsets_of_a_partition) {
  commit();
  row().next_offset += 1;
  EXPECT_DEATH(commit(), "the offsets of a partition have no gap");
}

TEST_F(EmbeddedInvariants, a_commit_does_not_give_an_offset_twice) {
  commit();
  row().next_offset -= 1;
  EXPECT_DEATH(commit(), "the offsets of a partition have no gap");
}

TEST_F(EmbeddedInvariants, a_frame_begins_at_an_aligned_position) {
  commit();
  Control& shared = control();
  const std::uint64_t odd = shared.committed.load() + 1;
  shared.tails[0].end = odd;
  shared.committed.store(odd);
  EXPECT_DEATH(commit(), "frames are aligned");
}

TEST_F(EmbeddedInvariants, an_index_that_lies_nowhere_is_named) {
  commit();
  for (const std::uint64_t address :
       {std::uint64_t{0}, std::uint64_t{16'384} << 32U | 1, std::uint64_t{0xffff'ffff}}) {
    row().levels[0] = address;
    const auto reader = another("reader");
    FetchBuffer buffer;
    const Status fetched = reader->fetch(orders_, offset(0), 1'000, buffer);
    ASSERT_FALSE(fetched) << address;
    EXPECT_TRUE(fetched.error().is(errc::corrupt)) << fetched.error().to_string();
    EXPECT_THAT(fetched.error().message(), HasSubstr("/log/control: the index of partition 0"));
    abandon(*reader);
    control().failed.store(embedded::Failure::none);
  }
}

TEST_F(EmbeddedInvariants, a_lock_of_a_member_that_cannot_be_is_named) {
  commit();
  control().lock.store(0x7f);
  const auto refused = put_all(*log_, {orders_}, "ordered");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
}

// What a commit needs from the operating system is no invariant: a commit that does not get it is
// refused, and nothing was written.
class EmbeddedIndexBlocks : public EmbeddedInvariants {
 protected:
  EmbeddedIndexBlocks() : other_(another("other")) {
    for (std::size_t i = 0; i < embedded::first_level_entries; ++i) {
      commit();
    }
    // Instead of megabytes of index: the first block counts as full, so the next level of the index
    // gets a block that `other` has not mapped.
    control().block_free = control().block_size;
    commit();
  }
  void TearDown() override {
    abandon(*other_);
    EmbeddedInvariants::TearDown();
  }

  std::unique_ptr<Log> other_;
};

TEST_F(EmbeddedIndexBlocks, a_member_that_cannot_map_the_last_entry_refuses_the_commit) {
  machine_.regions.fail_blocks(true);
  const std::uint64_t before = control().committed.load();
  const auto refused = put_all(*other_, {orders_}, "refused");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(millrace::errc::io_error)) << refused.error().to_string();
  EXPECT_EQ(control().committed.load(), before);
  commit();
  machine_.regions.fail_blocks(false);
  ASSERT_TRUE(put_all(*other_, {orders_}, "accepted"));
  EXPECT_EQ(values_of(*log_, orders_), values_of(*other_, orders_));
  EXPECT_EQ(values_of(*log_, orders_).size(), embedded::first_level_entries + 3);
}

TEST_F(EmbeddedIndexBlocks, a_member_that_cannot_map_room_that_was_made_refuses_the_commit) {
  // As after a write that failed: there is room in the new block, and no entry.
  row().count.store(embedded::first_level_entries);
  row().next_offset = embedded::first_level_entries;
  machine_.regions.fail_blocks(true);
  const auto refused = put_all(*other_, {orders_}, "refused");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(millrace::errc::io_error)) << refused.error().to_string();
  machine_.regions.fail_blocks(false);
  EXPECT_TRUE(put_all(*other_, {orders_}, "accepted"));
}

TEST_F(EmbeddedIndexBlocks, a_member_whose_log_was_moved_away_hears_that_it_is_closed) {
  machine_.regions.fail_blocks(true);
  machine_.regions.replace(SimulatedMachine::directory);
  const auto refused = put_all(*other_, {orders_}, "refused");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::closed)) << refused.error().to_string();
}

TEST_F(EmbeddedInvariants, a_broken_control_file_stops_appends_and_kills_no_further_member) {
  commit();
  const GroupId group = log_->group("g").value();
  auto membership = log_->join(group, {"0_0"});
  ASSERT_TRUE(membership);
  auto victim = another("victim");
  auto& shared = control();
  // A member found it broken, and died with the lock.
  constexpr std::uint32_t victims_slot = 1;
  shared.lock.store((victims_slot + 1) | shared.members[victims_slot].generation.load() << 8U);
  abandon(*victim);
  shared.tails[0].end += 8;
  shared.tails[1].end += 16;
  EXPECT_EQ(log_->groups().value().size(), 1U);
  EXPECT_TRUE(log_->position(group, orders_));
  membership->reset();
  const auto expect_refused = [](const auto& refused) {
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr("/log/control"));
    EXPECT_THAT(refused.error().message(), HasSubstr("open it again"));
    EXPECT_THAT(refused.error().message(), Not(HasSubstr("repair")));
  };
  expect_refused(put_all(*log_, {orders_}, "refused"));
  expect_refused(log_->join(group, {"0_0"}));
  expect_refused(log_->maintain());
  EXPECT_THAT(values_of(*log_, orders_), ElementsAre("ordered"));
  auto late = another("late");
  expect_refused(put_all(*late, {orders_}, "refused"));
  // The journal is whole: nothing is to be repaired, and the next to open makes a control file.
  late.reset();
  log_.reset();
  log_ = machine_.open();
  ASSERT_NE(log_, nullptr);
  commit();
  EXPECT_THAT(values_of(*log_, orders_), ElementsAre("ordered", "ordered"));
}

TEST_F(EmbeddedInvariants, a_journal_that_gives_an_offset_twice_is_refused_as_corrupt) {
  commit();
  const std::uint64_t position = control().committed.load();
  row().count.store(0);
  row().next_offset = 0;
  commit();
  ASSERT_TRUE(log_->wait_durable(log_->committed()));
  abandon(*log_);
  log_.reset();
  const auto expect_refused = [&](const auto& refused) {
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr(journal_path(0)));
    EXPECT_THAT(refused.error().message(), HasSubstr("position " + std::to_string(position)));
  };
  expect_refused(machine_.try_open());
  LogOptions reader = options_of();
  reader.access = LogAccess::read_only;
  expect_refused(machine_.try_open(reader));
  const auto found = verify_log(SimulatedMachine::directory, machine_.environment);
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(found->end, position);
  ASSERT_TRUE(found->corrupt);
  EXPECT_EQ(found->corrupt->position, position);
  EXPECT_THAT(found->corrupt->reason, HasSubstr("offset"));
  const auto repaired =
      repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions);
  ASSERT_TRUE(repaired) << repaired.error().to_string();
  log_ = machine_.open();
  ASSERT_NE(log_, nullptr);
  commit();
  EXPECT_THAT(values_of(*log_, orders_), ElementsAre("ordered", "ordered"));
}

TEST_F(EmbeddedInvariants, a_frame_is_not_written_beyond_the_segment_that_this_member_has) {
  commit();
  control().segment_end += 1U << 20U;
  ASSERT_TRUE(put_all(*log_, {orders_}, std::string(40'000, 'a')));
  const auto refused = put_all(*log_, {orders_}, std::string(40'000, 'b'));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr(journal_path(0)));
  EXPECT_TRUE(put_all(*log_, {orders_}, "small"));
  EXPECT_EQ(values_of(*log_, orders_).size(), 3U);
}

TEST_F(EmbeddedInvariants, a_frame_is_not_written_to_a_segment_that_the_others_do_not_use) {
  commit();
  const std::string stray = journal_path(control().committed.load());
  auto file = machine_.files.open(stray, OpenMode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->allocate(64U << 10U));
  auto other = another("other");
  const auto refused = put_all(*other, {orders_}, "refused");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr(stray));
  commit();
  EXPECT_THAT(values_of(*log_, orders_), ElementsAre("ordered", "ordered"));
  abandon(*other);
}

}  // namespace
}  // namespace millrace::log
