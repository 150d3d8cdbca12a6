// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "work_queue.hpp"

#include <algorithm>
#include <utility>

namespace millrace::http {

WorkQueue::WorkQueue(std::size_t threads, std::size_t max_waiting)
    : thread_count_(std::max<std::size_t>(1, threads)) {
  common_.room = reserved_.room = std::max<std::size_t>(1, max_waiting);
}

void WorkQueue::start() {
  for (std::size_t i = 0; i < thread_count_; ++i) {
    threads_.emplace_back([this] { run(common_); });
  }
  threads_.emplace_back([this] { run(reserved_); });
}

bool WorkQueue::take_room(Line line) {
  const MutexLock lock(mutex_);
  Jobs& mine = jobs(line);
  if (mine.room == 0) {
    return false;
  }
  --mine.room;
  return true;
}

void WorkQueue::push(Line line, Job job) {
  Jobs& mine = jobs(line);
  {
    const MutexLock lock(mutex_);
    mine.waiting.push_back(std::move(job));
  }
  mine.arrived.notify_one();
}

void WorkQueue::run(Jobs& line) {
  while (true) {
    Job job;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && line.waiting.empty()) {
        line.arrived.wait(lock);
      }
      if (stopping_) {
        return;
      }
      job = std::move(line.waiting.front());
      line.waiting.pop_front();
      ++line.room;
    }
    job();
  }
}

void WorkQueue::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  for (Jobs* const line : {&common_, &reserved_}) {
    line->arrived.notify_all();
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
  for (Jobs* const line : {&common_, &reserved_}) {
    // Dropped outside the lock: what a job holds may do anything when it ends.
    std::deque<Job> dropped;
    const MutexLock lock(mutex_);
    dropped.swap(line->waiting);
  }
}

}  // namespace millrace::http
