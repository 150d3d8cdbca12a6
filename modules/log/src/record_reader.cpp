// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/record_reader.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/log/commit_order.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {

namespace {

constexpr std::size_t fetch_bytes_min = 4U << 10U;
constexpr std::size_t fetch_bytes_max = 1U << 20U;

}  // namespace

/// One range: what was fetched of it, and where to continue.
class RecordReader::Cursor {
 public:
  Cursor(const Range& the_range, std::size_t the_number)
      : range(the_range), number(the_number), fetch_from_(the_range.from) {}

  /// The next record of what was fetched; null: none is left, or the range ends before it.
  [[nodiscard]] const RecordView* head() const {
    if (batch_ == buffer_.batches.size() || is_done()) return nullptr;
    return &buffer_.records[record_];
  }
  [[nodiscard]] LogPosition commit() const { return buffer_.batches[batch_].position; }
  /// What is before it was taken, or is no record.
  [[nodiscard]] Offset position() const {
    return batch_ == buffer_.batches.size() ? fetch_from_ : buffer_.records[record_].offset;
  }
  [[nodiscard]] bool is_done() const { return range.end && position() >= *range.end; }
  /// Whether something was fetched of it, if only that there is no record yet.
  [[nodiscard]] bool has_begun() const { return has_begun_; }

  /// The head stays valid until something is fetched.
  void take() {
    ++record_;
    find_head();
  }
  /// Of a cursor without a head. Returns whether its position moved.
  Result<bool> fetch(Log& log, std::size_t max_bytes) {
    forget();
    if (Status fetched = log.fetch(range.partition, fetch_from_, max_bytes, buffer_); !fetched) {
      // A fetch that fails may have fetched something, and is repeated as a whole.
      forget();
      return fail(std::move(fetched).error());
    }
    has_begun_ = true;
    const bool moves = buffer_.next > fetch_from_;
    fetch_from_ = buffer_.next;
    find_head();
    return moves;
  }
  void continue_at(Offset offset) { fetch_from_ = offset; }

  const Range range;
  const std::size_t number;

 private:
  void forget() {
    buffer_.batches.clear();
    buffer_.records.clear();
    batch_ = 0;
    record_ = 0;
  }
  // Compaction leaves batches without a record.
  void find_head() {
    for (; batch_ < buffer_.batches.size(); ++batch_) {
      const FetchedBatch& batch = buffer_.batches[batch_];
      record_ = std::max(record_, batch.first);
      if (record_ < batch.first + batch.count) return;
    }
  }

  FetchBuffer buffer_;
  std::size_t batch_ = 0;   // of the head
  std::size_t record_ = 0;  // the head
  Offset fetch_from_;
  bool has_begun_ = false;
};

RecordReader::RecordReader(Log& log, const std::vector<Range>& ranges, std::size_t buffer_bytes)
    : log_(log),
      ordered_(has_commit_order(log)),
      fetch_bytes_(std::clamp(buffer_bytes / std::max<std::size_t>(ranges.size(), 1),
                              fetch_bytes_min, fetch_bytes_max)) {
  for (const Range& range : ranges)
    cursors_.push_back(std::make_unique<Cursor>(range, cursors_.size()));
}

RecordReader::~RecordReader() = default;

// Within one commit the order of ranges keeps runs long; where there are no commits to go by, time
// has to do.
bool RecordReader::goes_after(const Cursor* one, const Cursor* other) {
  const auto rank = [](const Cursor& cursor) {
    const std::uint64_t commit = cursor.commit().position;
    return std::tuple(commit, commit == 0 ? cursor.head()->timestamp_ms : 0, cursor.number);
  };
  return rank(*one) > rank(*other);
}

Status RecordReader::refill(Cursor& cursor) {
  while (cursor.head() == nullptr && !cursor.is_done()) {
    if (const Result<bool> moved = cursor.fetch(log_, fetch_bytes_); !moved) {
      MILLRACE_ASSIGN(const bool passed, pass_removed(cursor, moved.error()));
      if (!passed) return fail(moved.error());
    } else if (!*moved) {
      break;
    }
  }
  return {};
}

Result<bool> RecordReader::pass_removed(Cursor& cursor, const Error& error) {
  const OnRemoved wanted = cursor.range.on_removed;
  if (!error.is(errc::out_of_range) || wanted == OnRemoved::error) return false;
  if (wanted == OnRemoved::skip_at_first && cursor.has_begun()) return false;
  MILLRACE_ASSIGN(const Offset start, log_.start_offset(cursor.range.partition));
  // Not so at an offset that is behind the end of the partition.
  if (start <= cursor.position()) return false;
  if (wanted == OnRemoved::skip)
    removed_ += static_cast<std::uint64_t>(start.value - cursor.position().value);
  cursor.continue_at(start);
  return true;
}

// What was committed before the first fetch is seen by every fetch; only so far is the order known.
Status RecordReader::begin_round() {
  heap_.clear();
  bound_ = log_.committed().position;
  for (const auto& cursor : cursors_)
    MILLRACE_TRY(refill(*cursor));
  for (const auto& cursor : cursors_) {
    if (cursor->head() != nullptr) heap_.push_back(cursor.get());
  }
  std::make_heap(heap_.begin(), heap_.end(), goes_after);
  return {};
}

ReadOutcome RecordReader::outcome_without_record() const {
  const bool done = std::all_of(cursors_.begin(), cursors_.end(),
                                [](const auto& cursor) { return cursor->is_done(); });
  return done ? ReadOutcome::end : ReadOutcome::none_yet;
}

Result<ReadOutcome> RecordReader::next() {
  record_ = nullptr;
  if (Cursor* const cursor = std::exchange(given_, nullptr)) {
    if (ordered_ && cursor->head() == nullptr) {
      if (Status filled = refill(*cursor); !filled) {
        heap_.clear();  // so the next call begins a round
        return fail(std::move(filled).error());
      }
    }
    if (cursor->head() != nullptr) {
      heap_.push_back(cursor);
      std::push_heap(heap_.begin(), heap_.end(), goes_after);
    } else if (!ordered_) {
      heap_.clear();  // a round for all, so that none waits for as long as others have records
    }
  }
  // What a round fetched may have been committed after it began; the next one has it all.
  while (heap_.empty() || heap_.front()->commit().position > bound_) {
    MILLRACE_TRY(begin_round());
    if (heap_.empty()) return outcome_without_record();
  }
  std::pop_heap(heap_.begin(), heap_.end(), goes_after);
  given_ = heap_.back();
  heap_.pop_back();
  record_ = given_->head();
  commit_ = given_->commit();
  given_->take();
  return ReadOutcome::record;
}

const RecordView& RecordReader::record() const {
  MILLRACE_ASSERT(record_ != nullptr, "next() returned a record");
  return *record_;
}

std::size_t RecordReader::range() const {
  MILLRACE_ASSERT(given_ != nullptr, "next() returned a record");
  return given_->number;
}

LogPosition RecordReader::commit() const {
  MILLRACE_ASSERT(record_ != nullptr, "next() returned a record");
  return commit_;
}

Offset RecordReader::position(std::size_t range) const { return cursors_[range]->position(); }

WaitOutcome RecordReader::wait(std::int64_t deadline_ns) {
  std::vector<Interest> interests;
  for (const auto& cursor : cursors_) {
    if (cursor->head() != nullptr) return WaitOutcome::ready;
    if (!cursor->is_done()) interests.push_back({cursor->range.partition, cursor->position()});
  }
  if (interests.empty() && !cursors_.empty()) return WaitOutcome::ready;
  Waiter* waiter = nullptr;
  {
    const MutexLock lock(mutex_);
    if (std::exchange(interrupted_, false)) return WaitOutcome::interrupted;
    if (waiter_ == nullptr) waiter_ = log_.waiter();
    waiter = waiter_.get();
  }
  return waiter->wait(interests, deadline_ns);
}

void RecordReader::interrupt() {
  const MutexLock lock(mutex_);
  if (waiter_ != nullptr) {
    waiter_->interrupt();
  } else {
    interrupted_ = true;
  }
}

}  // namespace millrace::log
