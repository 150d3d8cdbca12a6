// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/record_set.hpp"

#include <algorithm>
#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_kafka/plain_batch.hpp"

namespace millrace::log::kafka::wire {
namespace {

std::string name_of(std::string_view batch) {
  return "the batch at offset " +
         std::to_string(load_big<std::int64_t>(batch.data() + batch_layout::base_offset));
}

std::unexpected<Error> bad(std::string_view batch, std::string_view reason) {
  return fail(errc::corrupt, name_of(batch) + " " + std::string(reason));
}

bool has(const RecordBatchHeader& header, unsigned bit) {
  return (static_cast<unsigned>(header.attributes) & bit) != 0;
}

std::size_t size_of(std::string_view batch) {
  return static_cast<std::size_t>(
             load_big<std::int32_t>(batch.data() + batch_layout::batch_length)) +
         batch_layout::length_starts_at;
}

/// Whether a marker says that its transaction was aborted. Compaction may have emptied it.
Result<bool> is_abort(std::string_view marker) {
  std::string plain;
  MILLRACE_TRY(append_plain_batch(marker, max_batch_bytes, plain));
  MILLRACE_ASSIGN(const auto type, control_type(plain));
  return type == abort_mark;
}

}  // namespace

RecordSet::RecordSet(std::shared_ptr<const std::string> owner, std::string_view bytes,
                     std::vector<AbortedTransaction> aborted)
    : owner_(std::move(owner)), rest_(bytes), aborted_(std::move(aborted)) {
  std::sort(
      aborted_.begin(), aborted_.end(),
      [](const AbortedTransaction& a, const AbortedTransaction& b) { return a.first < b.first; });
  if (rest_.empty()) end();
}

void RecordSet::end() {
  rest_ = {};
  front_.reset();
  owner_.reset();
  aborted_ = {};
  aborting_ = {};
}

/// False when the rest is not a whole batch: the end of the set.
Result<bool> RecordSet::find_whole_batch(RecordBatchHeader& header) {
  if (rest_.size() > batch_layout::magic && rest_[batch_layout::magic] >= 0 &&
      rest_[batch_layout::magic] < batch_layout::magic_value)
    return bad(rest_, "is in version " + std::to_string(rest_[batch_layout::magic]) +
                          " of Kafka's message format, which is not supported: it is read from "
                          "version 2 on (Kafka 0.11)");
  bool whole = rest_.size() >= record_batch_header_bytes;
  if (whole) {
    const auto read = read_batch_header(rest_);
    if (!read) return fail(read.error().at(name_of(rest_)));
    header = *read;
    whole = header.bytes <= rest_.size();
  }
  // Brokers send the first batch whole, however large it is.
  if (!whole && !begun_)
    return fail(errc::corrupt, "a set of records of " + std::to_string(rest_.size()) +
                                   " bytes does not begin with a whole batch");
  return whole;
}

Result<bool> RecordSet::load() {
  if (front_) return true;
  if (rest_.empty()) return false;
  Batch batch;
  MILLRACE_ASSIGN(const bool whole, find_whole_batch(batch.header));
  if (!whole) {
    end();
    return false;
  }
  batch.bytes = rest_.substr(0, batch.header.bytes);
  if (!batch_checksum_holds(batch.bytes)) return bad(batch.bytes, "does not match its checksum");
  batch.end = offset(batch.header.base_offset.value + batch.header.last_offset_delta).next();
  if (begun_ && batch.header.base_offset < last_end_)
    return bad(batch.bytes, "lies before offset " + std::to_string(last_end_.value) +
                                ", where the one in front of it ends");
  MILLRACE_TRY(follow_transactions(batch));
  front_ = batch;
  return true;
}

Status RecordSet::follow_transactions(Batch& batch) {
  for (; aborted_at_ < aborted_.size() && aborted_[aborted_at_].first < batch.end; ++aborted_at_)
    aborting_.insert(aborted_[aborted_at_].producer_id);
  const auto producer = load_big<std::int64_t>(batch.bytes.data() + batch_layout::producer_id);
  const bool aborting = !aborting_.empty() && aborting_.contains(producer);
  const bool marker = has(batch.header, batch_layout::control_bit);
  batch.hidden = marker || batch.header.count == 0 ||
                 (aborting && has(batch.header, batch_layout::transactional_bit));
  if (marker && aborting) {
    MILLRACE_ASSIGN(const bool abort, is_abort(batch.bytes));
    if (abort) aborting_.erase(producer);
  }
  return {};
}

/// Compaction may have taken all records from `next` to the batch's last offset, which it keeps.
Result<bool> RecordSet::shows_from(Offset next) {
  if (front_->hidden || front_->end <= next) return false;
  if (front_->header.base_offset >= next || front_->shows == next) return true;
  std::string plain;
  std::vector<RecordView> records;
  MILLRACE_TRY(append_plain_batch(front_->bytes, max_batch_bytes, plain));
  MILLRACE_TRY(decode_batch(plain, records));
  if (records.back().offset < next) return false;
  front_->shows = next;
  return true;
}

void RecordSet::pass(Offset& next) {
  next = std::max(next, front_->end);
  begun_ = true;
  last_end_ = front_->end;
  rest_.remove_prefix(front_->bytes.size());
  front_.reset();
  if (rest_.empty()) end();
}

Result<bool> RecordSet::seek(Offset& next) {
  while (true) {
    MILLRACE_ASSIGN(const bool there, load());
    if (!there) return false;
    MILLRACE_ASSIGN(const bool shows, shows_from(next));
    if (shows) return true;
    pass(next);
  }
}

Status RecordSet::take(std::size_t max_bytes, Offset& next, FetchBuffer& buffer) {
  while (true) {
    const bool first = buffer.bytes.empty();
    const auto found = seek(next);
    if (!found) return first ? fail(found.error()) : Status{};
    if (!*found || (!first && buffer.bytes.size() + front_->bytes.size() > max_bytes)) return {};
    const Status status = append_plain_batch(front_->bytes, max_batch_bytes, buffer.bytes);
    if (!status) return first ? status : Status{};
    pass(next);
  }
}

Status decode_batches(FetchBuffer& buffer, Offset from) {
  buffer.records.clear();
  buffer.batches.clear();
  std::string_view rest = buffer.bytes;
  while (!rest.empty()) {
    MILLRACE_ASSERT(rest.size() >= record_batch_header_bytes && size_of(rest) <= rest.size(),
                    "the buffer has whole batches, as take() put them there");
    const std::string_view batch = rest.substr(0, size_of(rest));
    rest.remove_prefix(batch.size());
    const std::size_t first = buffer.records.size();
    if (const Status status = decode_batch(batch, buffer.records); !status) {
      buffer.bytes.clear();
      buffer.records.clear();
      buffer.batches.clear();
      return status;
    }
    const auto begin = buffer.records.begin() + static_cast<std::ptrdiff_t>(first);
    if (first == 0)
      buffer.records.erase(
          begin, std::find_if(begin, buffer.records.end(),
                              [&](const RecordView& record) { return record.offset >= from; }));
    constexpr std::int64_t no_time = -1;
    for (std::size_t i = first; i < buffer.records.size(); ++i)
      if (buffer.records[i].timestamp_ms == no_time) buffer.records[i].timestamp_ms = 0;
    buffer.batches.push_back({{}, first, buffer.records.size() - first});
  }
  return {};
}

}  // namespace millrace::log::kafka::wire
