// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "millrace/base/byte_writer.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/record_batch.hpp"
#include "segment/batch_text.hpp"
#include "segment/dump.hpp"
#include "segment/transactions.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

namespace layout = log::batch_layout;

constexpr std::int64_t noon_ms = 1'291'204'800'000;  // 2010-12-01T12:00:00Z
constexpr unsigned transactional = layout::transactional_bit;
constexpr unsigned transaction_marker = layout::transactional_bit | layout::control_bit;

/// A segment as a broker may have written it, in a file that is gone after the test.
class Segment : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/millrace_segment_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    directory = pattern;
    path = directory + "/00000000000000000000.log";
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  void add(const std::vector<std::string>& values, unsigned attributes = 0,
           std::int64_t producer = -1) {
    log::RecordBatchBuilder builder;
    for (const std::string& value : values) {
      builder.add({noon_ms, "k", value, {}});
    }
    append_batch(builder, attributes, producer);
  }
  void add_marker(std::int16_t type, std::int64_t producer) {
    std::string key;
    std::string value;
    ByteWriter(key).big(std::int16_t{0}).big(type);
    ByteWriter(value).big(std::int16_t{0}).big(std::int32_t{7});
    log::RecordBatchBuilder builder;
    builder.add({noon_ms, key, value, {}});
    append_batch(builder, transaction_marker, producer);
  }
  Outcome dump(std::vector<std::string> more = {}) {
    EXPECT_TRUE(write_file_atomically(real_file_system(), path, bytes));
    more.insert(more.begin(), {"log", "dump", "--segment", path});
    return run(std::move(more));
  }

  void append_batch(log::RecordBatchBuilder& builder, unsigned attributes, std::int64_t producer) {
    std::string batch(builder.finish());
    store_big(batch.data() + layout::attributes, static_cast<std::int16_t>(attributes));
    if (producer >= 0) {
      store_big(batch.data() + layout::producer_id, producer);
      store_big(batch.data() + layout::producer_epoch, std::int16_t{2});
      store_big(batch.data() + layout::base_sequence, std::int32_t{0});
    }
    store_big(batch.data() + layout::crc,
              crc32c(std::string_view(batch).substr(layout::attributes)));
    log::set_base_offset(batch.data(), log::offset(next_offset_));
    next_offset_ += builder.count();
    batch_positions.push_back(bytes.size());
    bytes += batch;
  }

  std::string directory;
  std::string path;
  std::string bytes;
  std::vector<std::size_t> batch_positions;

 private:
  std::int64_t next_offset_ = 0;
};

TEST_F(Segment, batches_and_records_are_printed_with_a_summary) {
  add({"{\"n\":1}", "plain"});
  const Outcome done = dump();
  EXPECT_EQ(done.exit_code, 0) << done.notes;
  const auto lines = lines_of(done.out);
  ASSERT_EQ(lines.size(), 4U) << done.out;
  EXPECT_EQ(lines[0], "batch 0-1 at byte 0: 2 records, " + std::to_string(bytes.size()) +
                          " bytes, 2010-12-01T12:00:00.000Z to 2010-12-01T12:00:00.000Z, codec "
                          "none, checksum ok");
  EXPECT_EQ(lines[1], "  0  2010-12-01T12:00:00.000Z  k  {\"n\":1}");
  EXPECT_EQ(lines[2], "  1  2010-12-01T12:00:00.000Z  k  plain");
  EXPECT_EQ(lines[3], "(1 batch, 2 records, " + std::to_string(bytes.size()) + " bytes)");
}

TEST_F(Segment, transactions_show_how_they_ended) {
  add({"kept"}, transactional, 4);
  add({"dropped"}, transactional, 5);
  add_marker(1, 4);
  add({"dropped too"}, transactional, 5);
  add_marker(0, 5);
  add({"kept again"}, transactional, 5);
  add_marker(1, 5);
  add({"pending"}, transactional, 5);
  const Outcome done = dump();
  EXPECT_EQ(done.exit_code, 0) << done.notes;
  for (const char* expected :
       {"producer 4 epoch 2 sequence 0, transaction committed", "k  kept\n",
        "producer 5 epoch 2 sequence 0, transaction aborted", "k  dropped  (aborted)\n",
        "k  dropped too  (aborted)\n", "control batch 4-4 at byte ",
        "abort of producer 5 epoch 2, coordinator epoch 7\n", "k  kept again\n",
        "commit of producer 5 epoch 2, coordinator epoch 7\n", "transaction open", "k  pending\n",
        "(8 batches, 8 records, ", "; 2 aborted)\n"}) {
    EXPECT_NE(done.out.find(expected), std::string::npos) << expected << " in\n" << done.out;
  }
}

TEST_F(Segment, json_has_a_line_for_each_batch_record_and_mark_and_a_summary) {
  add({"dropped"}, transactional, 5);
  add_marker(0, 5);
  const Outcome done = dump({"--json"});
  EXPECT_EQ(done.exit_code, 0) << done.notes;
  const auto lines = lines_of(done.out);
  ASSERT_EQ(lines.size(), 5U) << done.out;
  for (const std::string& line : lines) {
    EXPECT_TRUE(is_json(line)) << line;
  }
  const std::string noon = "\"2010-12-01T12:00:00.000Z\"";
  EXPECT_EQ(lines[0],
            "{\"kind\":\"batch\",\"base_offset\":0,\"last_offset\":0,\"count\":1,\"position\":0,"
            "\"bytes\":" +
                std::to_string(batch_positions[1]) + ",\"base_time\":" + noon +
                ",\"max_time\":" + noon +
                ",\"codec\":\"none\",\"transactional\":true,\"control\":false,"
                "\"leader_epoch\":0,\"producer_id\":5,\"producer_epoch\":2,\"base_sequence\":0,"
                "\"transaction\":\"aborted\",\"checksum_ok\":true}");
  EXPECT_EQ(lines[1], "{\"kind\":\"record\",\"offset\":0,\"time\":" + noon +
                          ",\"key\":\"k\",\"value\":\"dropped\",\"headers\":[],\"aborted\":true}");
  EXPECT_EQ(lines[3], "{\"kind\":\"control\",\"offset\":1,\"time\":" + noon +
                          ",\"type\":\"abort\",\"producer_id\":5,\"producer_epoch\":2,"
                          "\"coordinator_epoch\":7}");
  EXPECT_NE(
      lines[4].find("\"aborted_records\":1,\"closed_batches\":0,\"complete\":true,\"ok\":true"),
      std::string::npos)
      << lines[4];
}

TEST_F(Segment, batches_alone_stand_in_columns) {
  add({"a", "b"});
  add({"c"}, transactional, 5);
  add_marker(1, 5);
  const Outcome done = dump({"--batches"});
  EXPECT_EQ(done.exit_code, 0) << done.notes;
  const auto lines = lines_of(done.out);
  ASSERT_EQ(lines.size(), 5U) << done.out;
  EXPECT_TRUE(lines[0].starts_with("OFFSET  LAST  POSITION")) << lines[0];
  EXPECT_NE(lines[2].find("  committed  ok"), std::string::npos) << lines[2];
  EXPECT_NE(lines[3].find("  control    ok"), std::string::npos) << lines[3];
}

TEST_F(Segment, a_flipped_bit_is_named_and_what_follows_is_printed) {
  add({"first"});
  add({"second"});
  add({"third"});
  bytes[batch_positions[1] + 70] ^= 4;
  for (const bool json : {false, true}) {
    const Outcome done = json ? dump({"--json"}) : dump();
    EXPECT_EQ(done.exit_code, 1);
    EXPECT_EQ(done.notes, "millrace: " + path + " at byte " + std::to_string(batch_positions[1]) +
                              ": the batch at offset 1 does not match its checksum "
                              "[log.corrupt]\n");
    EXPECT_NE(done.out.find(json ? "\"checksum_ok\":false" : "CHECKSUM WRONG"), std::string::npos)
        << done.out;
    EXPECT_NE(done.out.find("third"), std::string::npos) << done.out;
    EXPECT_EQ(done.out.find("econd"), std::string::npos) << done.out;
  }
}

TEST_F(Segment, a_segment_that_is_cut_anywhere_is_damaged_unless_between_batches) {
  add({"first"});
  add({"second"});
  const std::string whole = bytes;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    bytes = whole.substr(0, size);
    const Outcome done = dump();
    const bool between = size == 0 || size == batch_positions[1];
    ASSERT_EQ(done.exit_code, between ? 0 : 1) << size;
    if (!between) {
      const std::string at =
          path + " at byte " + std::to_string(size < batch_positions[1] ? 0 : batch_positions[1]);
      ASSERT_NE(done.notes.find(at), std::string::npos) << done.notes;
      ASSERT_NE(done.notes.find("[log.corrupt]"), std::string::npos) << done.notes;
    }
  }
}

TEST_F(Segment, offsets_that_go_back_are_damage) {
  add({"first"});
  add({"second"});
  log::set_base_offset(bytes.data() + batch_positions[1], log::offset(0));
  const Outcome done = dump();
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_NE(done.notes.find("lies before offset 1"), std::string::npos) << done.notes;
}

TEST_F(Segment, bodies_of_an_unknown_codec_are_counted_and_not_opened) {
  add({"closed"}, 5);
  add({"open"});
  const Outcome done = dump();
  EXPECT_EQ(done.exit_code, 0) << done.notes;
  EXPECT_NE(done.out.find("(1 record not opened: codec 5 is unknown)"), std::string::npos)
      << done.out;
  EXPECT_NE(done.out.find("; 1 batch of an unknown codec not opened)"), std::string::npos)
      << done.out;
  EXPECT_NE(done.out.find("k  open\n"), std::string::npos) << done.out;
}

TEST_F(Segment, bytes_that_a_known_codec_cannot_open_are_damage) {
  add({"no zstd at all"}, 4);
  const Outcome done = dump();
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_NE(done.notes.find("zstd"), std::string::npos) << done.notes;
  EXPECT_NE(done.notes.find(path + " at byte 0"), std::string::npos) << done.notes;
}

TEST_F(Segment, a_batch_that_is_too_large_is_refused_by_name_and_byte_before_it_is_read) {
  add({"first"});
  add({"huge"});
  constexpr std::int32_t huge = 2'000'000'000;
  store_big(bytes.data() + batch_positions[1] + layout::batch_length, huge);
  ASSERT_TRUE(write_file_atomically(real_file_system(), path, bytes));
  // The rest is a hole that takes no room on the disk.
  std::filesystem::resize_file(path, batch_positions[1] + layout::length_starts_at + huge);
  const Outcome done = run({"log", "dump", "--segment", path});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_EQ(done.notes, "millrace: " + path + " at byte " + std::to_string(batch_positions[1]) +
                            ": the batch at offset 1 has 2000000012 bytes, more than the 134217728 "
                            "that are read at once [log.too_large]\n");
  EXPECT_NE(done.out.find("k  first\n"), std::string::npos) << done.out;
}

TEST_F(Segment, a_batch_of_too_many_records_is_not_opened_and_named) {
  log::RecordBatchBuilder builder;
  for (int i = 0; i <= 1 << 20; ++i) {
    builder.add({0, std::nullopt, std::nullopt, {}});
  }
  append_batch(builder, 0, -1);
  add({"second"});
  const Outcome done = dump();
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_EQ(done.notes, "millrace: " + path +
                            " at byte 0: the batch at offset 0 has 1048577 records, more than the "
                            "1048576 that are opened at once [log.too_large]\n");
  EXPECT_NE(done.out.find("k  second\n"), std::string::npos) << done.out;
}

TEST_F(Segment, the_outcome_of_what_is_open_at_a_damaged_batch_is_unknown) {
  add({"before"}, transactional, 5);
  add_marker(0, 5);
  add({"after"}, transactional, 5);
  add_marker(1, 5);
  add({"other"}, transactional, 6);
  bytes[batch_positions[1] + 70] ^= 4;
  const Outcome done = dump();
  EXPECT_EQ(done.exit_code, 1);
  const auto lines = lines_of(done.out);
  ASSERT_EQ(lines.size(), 10U) << done.out;
  EXPECT_NE(lines[0].find("transaction unknown"), std::string::npos) << lines[0];
  EXPECT_NE(lines[3].find("transaction committed"), std::string::npos) << lines[3];
  EXPECT_NE(lines[7].find("transaction open"), std::string::npos) << lines[7];
}

TEST_F(Segment, the_outcome_of_what_is_open_where_the_walk_ends_is_unknown) {
  add({"before"}, transactional, 5);
  add_marker(0, 5);
  bytes.pop_back();
  const Outcome done = dump();
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_NE(done.out.find("transaction unknown"), std::string::npos) << done.out;
}

TEST_F(Segment, more_transactions_than_are_held_have_an_unknown_outcome) {
  for (std::int64_t producer = 0; producer < 5; ++producer) {
    add({"x"}, transactional, producer);
  }
  add_marker(0, 1);
  for (const bool json : {false, true}) {
    ASSERT_TRUE(write_file_atomically(real_file_system(), path, bytes));
    std::string text;
    Output out(text);
    const std::atomic<bool> stop{false};
    ASSERT_TRUE(dump_segment(real_file_system(), {path, true, json, 3}, stop, out));
    if (json) {
      EXPECT_NE(text.find("\"transactions_unknown_from\":3,\"complete\":true,\"ok\":true}"),
                std::string::npos)
          << text;
      continue;
    }
    const auto lines = lines_of(text);
    ASSERT_EQ(lines.size(), 8U) << text;
    EXPECT_NE(lines[2].find("aborted"), std::string::npos) << text;
    EXPECT_NE(lines[3].find("open"), std::string::npos) << text;
    EXPECT_NE(lines[4].find("unknown"), std::string::npos) << text;
    EXPECT_NE(lines[5].find("unknown"), std::string::npos) << text;
    EXPECT_NE(
        lines[7].find("; outcomes from offset 3 on unknown: more than 3 transactions are open "
                      "or were aborted)"),
        std::string::npos)
        << lines[7];
  }
}

TEST_F(Segment, a_dump_that_is_stopped_says_so_and_fails) {
  add({"first"});
  ASSERT_TRUE(write_file_atomically(real_file_system(), path, bytes));
  const std::atomic<bool> stop{true};
  for (const bool json : {false, true}) {
    std::string text;
    Output out(text);
    const Status done = dump_segment(real_file_system(), {path, false, json}, stop, out);
    ASSERT_FALSE(done);
    EXPECT_TRUE(done.error().is(dump_errc::stopped)) << done.error().to_string();
    EXPECT_NE(done.error().message().find(path), std::string::npos) << done.error().message();
    EXPECT_NE(text.find(json ? "\"complete\":false,\"ok\":false" : "; stopped before the end)"),
              std::string::npos)
        << text;
  }
}

// Until `stop` the first walk reads the segment, and prints nothing.
TEST_F(Segment, a_dump_that_is_stopped_while_it_looks_for_outcomes_reads_no_further) {
  for (int i = 0; i < 100; ++i) {
    add({std::string(10'000, 'x')}, transactional, i);
  }
  ASSERT_TRUE(write_file_atomically(real_file_system(), path, bytes));
  const auto file = real_file_system().open(path, OpenMode::read);
  ASSERT_TRUE(file);
  const std::atomic<bool> stop{true};
  const auto read = SegmentTransactions::read(
      log::BatchWalker(**file, path, 0, bytes.size(), plain_batch_bytes_max), stop, 1000);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->of(0, log::offset(0)), SegmentTransactions::Outcome::committed);
}

TEST_F(Segment, values_of_others_cannot_steer_the_terminal) {
  add({"\x1b[2Jgone"});
  const Outcome done = dump();
  EXPECT_EQ(done.out.find('\x1b'), std::string::npos);
  EXPECT_NE(done.out.find("\\x1b[2Jgone"), std::string::npos) << done.out;
}

TEST_F(Segment, a_file_that_is_not_there_is_not_found) {
  const Outcome done = run({"log", "dump", "--segment", directory + "/nothing.log"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_NE(done.notes.find("[base.not_found]"), std::string::npos) << done.notes;
}

TEST(SegmentUsage, the_file_has_to_be_named) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"log", "dump"},
                                                    {"log", "dump", "--segment", ""},
                                                    {"log", "dump", "file.log"}}) {
    const Outcome done = run(arguments);
    EXPECT_EQ(done.exit_code, 2);
    EXPECT_TRUE(done.notes.starts_with("millrace log dump: ")) << done.notes;
    EXPECT_EQ(lines_of(done.notes).size(), 1U) << done.notes;
  }
  EXPECT_NE(run({"log", "dump", "--help"}).out.find("--segment FILE"), std::string::npos);
}

}  // namespace
}  // namespace millrace::cli
