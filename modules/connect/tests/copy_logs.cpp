// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy_logs.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "millrace/base/processes.hpp"
#include "millrace/log/backend/time_scan.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_kafka/kafka.hpp"

namespace millrace::connect {

namespace {

constexpr std::int64_t first_offset = 100;  // of partitions of a SparseLog
constexpr std::size_t all_bytes = 1U << 30U;

// The number of a log is drawn at random: each has its own.
std::uint64_t next_seed() {
  static std::uint64_t last = static_cast<std::uint64_t>(::getpid()) << 32U;
  return ++last;
}

class UrlLog final : public CopyLog {
 public:
  explicit UrlLog(std::string url) : url_(std::move(url)) {}
  std::unique_ptr<log::Log> open(log::LogOptions options) override {
    auto opened = open_url(std::move(options));
    if (opened) return *std::move(opened);
    ADD_FAILURE() << opened.error().to_string();
    return nullptr;
  }

 private:
  // Many small logs: their segments are small as well.
  Result<std::unique_ptr<log::Log>> open_url(log::LogOptions options) {
    constexpr std::string_view file = "file:";
    if (url_.starts_with(file)) {
      log::EmbeddedOptions embedded;
      embedded.segment_bytes = 1U << 20U;
      return log::open_embedded(url_.substr(file.size()), environment_, std::move(options),
                                embedded);
    }
    return log::open_kafka(url_, environment_, std::move(options), {});
  }

  std::string url_;
  SeededRandom random_{next_seed()};
  log::LogEnvironment environment_{real_clock(), real_file_system(), random_, real_processes()};
};

class FileLog final : public CopyLog {
 public:
  std::unique_ptr<log::Log> open(log::LogOptions options) override {
    return log_.open(std::move(options));
  }

 private:
  CopyDirectory directory_;
  UrlLog log_{"file:" + directory_.path()};
};

class SparseBroker final : public CopyLog {
 public:
  std::unique_ptr<log::Log> open(log::LogOptions options) override {
    return std::make_unique<SparseLog>(broker_.connect(std::move(options)), identity_);
  }

 private:
  ManualClock clock_;
  log::MemoryBroker broker_{clock_, true};
  std::string identity_ = "sparse:" + std::to_string(next_seed());
};

Result<log::TopicPartition> partition_of(log::Log& log, const std::string& topic,
                                         std::int32_t partition) {
  MILLRACE_ASSIGN(const log::Topic found, log.find_topic(topic));
  return log::TopicPartition{found.id, log::partition(partition)};
}

}  // namespace

CopyDirectory::CopyDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "millrace-copy-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}

CopyDirectory::~CopyDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

log::Log& CopyLog::service(const std::string& name) {
  for (const auto& [known, handle] : services_) {
    if (known == name) return *handle;
  }
  log::LogOptions options;
  options.service = name;
  services_.emplace_back(name, open(std::move(options)));
  return *services_.back().second;
}

std::unique_ptr<log::Log> CopyLog::tool() {
  log::LogOptions options;
  options.service = log::any_service;
  options.member = "millrace-copy";
  options.max_record_bytes = 64U << 20U;
  options.max_transaction_bytes = 128U << 20U;
  return open(std::move(options));
}

std::unique_ptr<CopyLog> make_copy_log(const std::string& kind) {
  if (kind == "file") return std::make_unique<FileLog>();
  if (kind == "sparse") return std::make_unique<SparseBroker>();
  static int made = 0;
  std::string url = kind;
  if (const std::size_t at = url.find("{}"); at != std::string::npos) {
    url.replace(at, 2, "copy" + std::to_string(::getpid()) + "n" + std::to_string(++made));
  }
  return std::make_unique<UrlLog>(url);
}

std::unique_ptr<CopyLog> file_copy_log(const std::string& directory) {
  return std::make_unique<UrlLog>("file:" + directory);
}

Result<log::Committed> SparseLog::commit(log::Transaction& transaction) {
  MILLRACE_ASSIGN(log::Committed done, inner_->commit(transaction));
  unseen_ = waits_until_seen;
  if (unknown_outcomes > 0) {
    --unknown_outcomes;
    return fail(log::errc::outcome_unknown, "a test asked for it");
  }
  done.partitions.clear();
  done.position = {};
  return done;
}

// Each batch has one offset behind it that holds no record.
Status SparseLog::fetch(log::TopicPartition partition, log::Offset from, std::size_t,
                        log::FetchBuffer& buffer) {
  MILLRACE_TRY(inner_->fetch(partition, log::offset(0), all_bytes, buffer));
  for (std::size_t i = 0; i < buffer.batches.size(); ++i) {
    buffer.batches[i].position = {};
    for (std::size_t r = 0; r < buffer.batches[i].count; ++r) {
      buffer.records[buffer.batches[i].first + r].offset.value +=
          first_offset + static_cast<std::int64_t>(i);
    }
  }
  buffer.end = log::offset(buffer.end.value + first_offset +
                           static_cast<std::int64_t>(buffer.batches.size()));
  if (from < log::offset(first_offset) || from > buffer.end) {
    return fail(log::errc::out_of_range, "offset " + std::to_string(from.value));
  }
  const auto wanted =
      std::find_if(buffer.batches.begin(), buffer.batches.end(), [&](const auto& batch) {
        return buffer.records[batch.first + batch.count - 1].offset >= from;
      });
  if (wanted == buffer.batches.end()) {
    buffer.records.clear();
    buffer.batches.clear();
    buffer.next = from;
    return {};
  }
  const log::FetchedBatch batch = *wanted;
  buffer.records.erase(
      buffer.records.begin() + static_cast<std::ptrdiff_t>(batch.first + batch.count),
      buffer.records.end());
  buffer.records.erase(buffer.records.begin(),
                       buffer.records.begin() + static_cast<std::ptrdiff_t>(batch.first));
  std::erase_if(buffer.records,
                [&](const log::RecordView& record) { return record.offset < from; });
  buffer.next = buffer.records.back().offset.next();
  std::erase_if(buffer.records, [&](const log::RecordView& record) {
    return std::find(hidden.begin(), hidden.end(), std::pair(partition, record.offset)) !=
           hidden.end();
  });
  buffer.batches.assign(1, {{}, 0, buffer.records.size()});
  return {};
}

Result<std::optional<log::Offset>> SparseLog::find_time(log::TopicPartition partition,
                                                        std::int64_t time_ms) {
  return log::scan_for_time(*this, partition, log::offset(first_offset), time_ms);
}

Status SparseLog::maintain() {
  if (late > 0 && --late == 0) {
    hidden.clear();
    hides_positions = false;
  }
  return inner_->maintain();
}

Result<log::Offset> SparseLog::start_offset(log::TopicPartition partition) {
  MILLRACE_TRY(inner_->start_offset(partition));
  const auto removed = removed_before.find(partition);
  return std::max(log::offset(first_offset),
                  removed == removed_before.end() ? log::Offset{} : removed->second);
}

Status SparseLog::wait_visible(const log::Committed&, std::int64_t) {
  if (unseen_ == 0) return {};
  --unseen_;
  return fail(log::errc::unavailable, "not seen yet");
}

Result<log::Offset> SparseLog::end_offset(log::TopicPartition partition) {
  if (unseen_ > 0) return fail(log::errc::unavailable, "an older one is open");
  log::FetchBuffer buffer;
  MILLRACE_TRY(inner_->fetch(partition, log::offset(0), all_bytes, buffer));
  return log::offset(buffer.end.value + first_offset +
                     static_cast<std::int64_t>(buffer.batches.size()));
}

void PrintTo(const Content& content, std::ostream* out) {
  *out << content.timestamp_ms << " " << content.key.value_or("(null)") << "="
       << content.value.value_or("(null)").substr(0, 40);
  for (const auto& [key, value] : content.headers)
    *out << " " << key << ":" << value.value_or("(null)");
}

std::vector<Content> contents(log::Log& log, const std::string& topic, std::int32_t partition,
                              std::optional<log::Offset> from) {
  std::vector<Content> all;
  const auto read_from = partition_of(log, topic, partition);
  EXPECT_TRUE(read_from) << read_from.error().to_string();
  if (!read_from) return all;
  log::Offset next = from ? *from : *log.start_offset(*read_from);
  const log::Offset end = *log.end_offset(*read_from);
  log::FetchBuffer buffer;
  while (next < end) {
    const Status read = log.fetch(*read_from, next, 1U << 16U, buffer);
    EXPECT_TRUE(read) << read.error().to_string();
    if (!read || buffer.records.empty()) break;
    for (const log::RecordView& record : buffer.records) {
      Content content{record.timestamp_ms, {}, {}, {}};
      if (record.key) content.key = *record.key;
      if (record.value) content.value = *record.value;
      std::string_view cursor = record.headers.encoded();
      log::HeaderView header;
      while (log::HeadersView::next(cursor, header)) {
        content.headers.emplace_back(header.key, header.value);
      }
      all.push_back(std::move(content));
    }
    next = buffer.next;
  }
  return all;
}

log::Offset nth(log::Log& log, const std::string& topic, std::int32_t partition,
                std::size_t number) {
  const log::TopicPartition read_from = *partition_of(log, topic, partition);
  log::Offset next = *log.start_offset(read_from);
  log::FetchBuffer buffer;
  while (log.fetch(read_from, next, 1U << 16U, buffer) && !buffer.records.empty()) {
    if (number < buffer.records.size()) return buffer.records[number].offset;
    number -= buffer.records.size();
    next = buffer.next;
  }
  return *log.end_offset(read_from);
}

void write(CopyLog& log, const std::string& topic, std::int32_t partition,
           const std::vector<Content>& records) {
  const auto found = log.service("reader").find_topic(topic);
  ASSERT_TRUE(found) << found.error().to_string();
  log::Transaction transaction;
  for (const Content& content : records) {
    log::HeadersBuilder headers;
    for (const auto& [key, value] : content.headers)
      headers.add(key, value);
    log::Record record{content.timestamp_ms, {}, {}, headers.view()};
    if (content.key) record.key = *content.key;
    if (content.value) record.value = *content.value;
    transaction.append({found->id, log::partition(partition)}, record);
  }
  log::Log& owner = log.service(found->spec.owner);
  const auto done = owner.commit(transaction);
  ASSERT_TRUE(done) << done.error().to_string();
  const Status visible = owner.wait_visible(*done, std::numeric_limits<std::int64_t>::max());
  ASSERT_TRUE(visible) << visible.error().to_string();
}

void make_topic(CopyLog& log, const std::string& name, const std::string& owner,
                std::int32_t partitions, log::TopicKind kind, const log::TopicSettings& settings) {
  const auto made = log.service(owner).create_topic({name, partitions, kind, owner}, settings);
  ASSERT_TRUE(made) << made.error().to_string();
}

void set_position(CopyLog& log, const std::string& group, const std::string& topic,
                  std::int32_t partition, log::Offset next) {
  log::Log& handle = log.service("reader");
  log::Transaction transaction;
  const log::GroupId id = *handle.group(group);
  const log::TopicPartition at = *partition_of(handle, topic, partition);
  transaction.set_position(id, at, next);
  const auto done = handle.commit(transaction);
  ASSERT_TRUE(done) << done.error().to_string();
  // On Kafka a position can be listed a moment after its commit was acknowledged; this waits.
  const auto seen = handle.position(id, at);
  ASSERT_TRUE(seen) << seen.error().to_string();
}

std::optional<log::Offset> position_of(CopyLog& log, const std::string& group,
                                       const std::string& topic, std::int32_t partition) {
  log::Log& handle = log.service("reader");
  const auto position =
      handle.position(*handle.group(group), *partition_of(handle, topic, partition));
  EXPECT_TRUE(position) << position.error().to_string();
  return position ? *position : std::nullopt;
}

Result<CopySummary> CopyRun::copy(log::Log& source, log::Log& target) {
  CopyProgress progress;
  return copy_log(source, target, request, {real_clock(), stop, progress});
}

Result<CopySummary> CopyRun::copy(CopyLog& source, CopyLog& target) {
  log::LogOptions options;
  options.member = "millrace";
  const auto from = source.open(std::move(options));
  const auto to = target.tool();
  return copy(*from, *to);
}

Result<CopySummary> CopyRun::compare(CopyLog& source, CopyLog& target) {
  const auto from = source.tool();
  const auto to = target.tool();
  return compare(*from, *to);
}

Result<CopySummary> CopyRun::compare(log::Log& source, log::Log& target) {
  CopyProgress progress;
  return compare_copy(source, target, request, {real_clock(), stop, progress});
}

}  // namespace millrace::connect
