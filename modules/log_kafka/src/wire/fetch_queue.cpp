// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/fetch_queue.hpp"

#include <algorithm>
#include <utility>

namespace millrace::log::kafka::wire {

bool FetchQueue::take(News& news) {
  if (!has_news_) return false;
  const MutexLock lock(mutex_);
  has_news_ = false;
  news = std::exchange(news_, {});
  return true;
}

bool FetchQueue::release(std::size_t bytes) {
  const MutexLock lock(mutex_);
  held_ -= bytes;
  if (held_ >= room_below_) return false;
  room_below_ = 0;
  return true;
}

bool FetchQueue::has_room(std::size_t bytes) {
  const MutexLock lock(mutex_);
  room_below_ = held_ < bytes ? 0 : bytes;
  return room_below_ == 0;
}

bool FetchQueue::put(std::optional<RecordSet> set, Offset last_stable) {
  const MutexLock lock(mutex_);
  const bool news = set || last_stable > last_stable_;
  if (!news) return false;
  if (set) {
    held_ += set->bytes();
    news_.sets.push_back(*std::move(set));
  }
  last_stable_ = std::max(last_stable_, last_stable);
  news_.last_stable = last_stable_;
  has_news_ = true;
  return true;
}

void FetchQueue::end(rd_kafka_resp_err_t error) {
  const MutexLock lock(mutex_);
  news_.error = error;
  has_news_ = true;
}

}  // namespace millrace::log::kafka::wire
