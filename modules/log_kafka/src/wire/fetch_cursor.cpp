// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/fetch_cursor.hpp"

#include <algorithm>

#include "millrace/log/errors.hpp"

namespace millrace::log::kafka::wire {

void FetchCursor::stop() {
  if (queue_ != nullptr) queue_->drop();
  queue_.reset();
  sets_.clear();
  held_ = 0;
}

Status FetchCursor::begin(Offset from) {
  stop();
  error.reset();
  damage_.reset();
  last_.reset();
  end_asked = false;
  known_end = 0;
  next = from;
  reached_ = from;
  // A negative one is refused when its end is asked.
  if (from.value >= 0) queue_ = fetcher_.add(at, from);
  return {};
}

void FetchCursor::pull(std::size_t /*max_bytes*/) {
  FetchQueue::News news;
  if (queue_ == nullptr || !queue_->take(news)) return;
  take(std::move(news));
  step_over_unseen();
  release();
}

void FetchCursor::take(FetchQueue::News news) {
  for (RecordSet& set : news.sets) {
    held_ += set.bytes();
    sets_.push_back(std::move(set));
  }
  if (news.error) last_ = news.error;
  if (news.last_stable.value >= 0) heard_of(news.last_stable);
}

void FetchCursor::step_over_unseen() {
  while (!sets_.empty() && !damage_) {
    const Result<bool> found = sets_.front().seek(reached_);
    if (!found) {
      damage_ = found.error();
    } else if (*found) {
      return;
    } else {
      sets_.pop_front();
    }
  }
  if (sets_.empty() && last_) error = last_;
}

void FetchCursor::release() {
  std::size_t held = 0;
  for (const RecordSet& set : sets_)
    held += set.bytes();
  if (held == held_) return;
  fetcher_.release(*queue_, held_ - held);
  held_ = held;
}

Status FetchCursor::answer(std::size_t max_bytes, FetchBuffer& buffer) {
  buffer.bytes.clear();
  Status status;
  while (status && !sets_.empty() && !damage_) {
    status = sets_.front().take(max_bytes, reached_, buffer);
    if (status && sets_.front().bytes() > 0) break;
    if (status) sets_.pop_front();
  }
  if (status && damage_ && buffer.bytes.empty()) status = fail(*damage_);
  if (status) status = decode_batches(buffer, next);
  if (!status) {
    // The next read fetches it again.
    error = RD_KAFKA_RESP_ERR__BAD_MSG;
    return fail(status.error().at("reading " + at.topic + "/" + std::to_string(at.partition)));
  }
  step_over_unseen();
  release();
  next = reached_;
  heard_of(reached_);
  buffer.next = reached_;
  buffer.end = std::max(reached_, offset(known_end));
  return {};
}

}  // namespace millrace::log::kafka::wire
