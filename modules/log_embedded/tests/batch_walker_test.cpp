// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log_embedded/batch_walker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "millrace/base/endian.hpp"
#include "millrace/base/fault_file_system.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {
namespace {

std::string walked_batch(std::int64_t base, std::size_t value_bytes) {
  RecordBatchBuilder builder;
  const std::string value(value_bytes, 'v');
  builder.add({1000, "k", value, {}});
  std::string batch(builder.finish());
  set_base_offset(batch.data(), offset(base));
  return batch;
}

class BatchWalk : public testing::Test {
 protected:
  BatchWalker walk(const std::string& bytes) {
    file = *files.open("/walked", OpenMode::create);
    EXPECT_TRUE(file->write_at(0, bytes));
    return {*file, "/walked", 0, bytes.size()};
  }
  FaultFileSystem files;
  std::unique_ptr<File> file;
  WalkedBatch batch;
};

TEST_F(BatchWalk, comes_to_batches_of_any_size_in_order) {
  std::vector<std::string> batches;
  std::string bytes;
  for (const std::size_t size : {1U, 100'000U, 0U, 65'000U, 500U, 300'000U, 7U}) {
    batches.push_back(walked_batch(static_cast<std::int64_t>(batches.size()), size));
    bytes += batches.back();
  }
  BatchWalker walker = walk(bytes);
  std::uint64_t position = 0;
  for (const std::string& expected : batches) {
    ASSERT_TRUE(walker.next(batch).value());
    EXPECT_EQ(batch.position, position);
    EXPECT_EQ(batch.bytes, expected);
    EXPECT_TRUE(batch.checksum_holds);
    position += expected.size();
  }
  EXPECT_FALSE(walker.next(batch).value());
  EXPECT_EQ(walker.position(), bytes.size());
}

TEST_F(BatchWalk, keeps_the_batches_valid_while_it_has_read_the_next_one) {
  constexpr std::size_t ahead = 100'000;
  std::string bytes;
  for (std::int64_t i = 0; i < 40; ++i)
    bytes += walked_batch(i, i == 17 ? 3 * ahead : 10'000 + static_cast<std::size_t>(i));
  walk(bytes);
  std::string memory = "of an earlier walk";
  BatchWalker walker(*file, "/walked", 0, bytes.size(), memory, ahead);
  std::vector<WalkedBatch> held;
  std::size_t most = 0;
  std::uint64_t begins = 0;
  while (walker.position() < bytes.size()) {
    if (!walker.has_read_next()) {
      most = std::max(most, held.size());
      held.clear();
      begins = walker.position();
    }
    ASSERT_TRUE(walker.next(batch).value());
    held.push_back(batch);
    ASSERT_EQ(walker.memory_at(), begins);
    for (const WalkedBatch& one : held)
      ASSERT_EQ(one.bytes, std::string_view(bytes).substr(one.position, one.header.bytes));
  }
  EXPECT_GT(most, 3U);
  EXPECT_TRUE(walker.has_read_next());  // the end of the file
  EXPECT_FALSE(walker.next(batch).value());
  EXPECT_TRUE(bytes.ends_with(memory));
}

TEST_F(BatchWalk, passes_over_a_batch_whose_checksum_is_wrong) {
  std::string bytes = walked_batch(0, 10) + walked_batch(1, 10);
  bytes[65] ^= 1;
  BatchWalker walker = walk(bytes);
  ASSERT_TRUE(walker.next(batch).value());
  EXPECT_FALSE(batch.checksum_holds);
  ASSERT_TRUE(walker.next(batch).value());
  EXPECT_TRUE(batch.checksum_holds);
}

TEST_F(BatchWalk, ends_at_a_length_that_cannot_be_and_names_the_position_again_and_again) {
  const std::string first = walked_batch(0, 10);
  for (const std::int32_t length : {-1, 0, 48, 5000, 0x7FFFFFFF}) {
    std::string bytes = first + walked_batch(1, 10);
    store_big(bytes.data() + first.size() + batch_layout::batch_length, length);
    BatchWalker walker = walk(bytes);
    ASSERT_TRUE(walker.next(batch).value());
    for (int i = 0; i < 2; ++i) {
      const auto found = walker.next(batch);
      ASSERT_FALSE(found) << length;
      EXPECT_TRUE(found.error().is(errc::corrupt));
      EXPECT_TRUE(found.error().message().starts_with("/walked at byte " +
                                                      std::to_string(first.size()) + ": "))
          << found.error().message();
    }
    EXPECT_EQ(walker.position(), first.size());
  }
}

TEST_F(BatchWalk, notices_a_file_that_became_shorter) {
  const std::string bytes = walked_batch(0, 100'000) + walked_batch(1, 100'000);
  BatchWalker walker = walk(bytes);
  ASSERT_TRUE(file->truncate(bytes.size() - 10));
  ASSERT_TRUE(walker.next(batch).value());
  const auto found = walker.next(batch);
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message().find("became shorter"), std::string::npos)
      << found.error().message();
}

}  // namespace
}  // namespace millrace::log
