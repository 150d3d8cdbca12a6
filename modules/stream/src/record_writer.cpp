// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/stream/record_writer.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <deque>
#include <exception>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/base/assert.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"
#include "millrace/log/record_size.hpp"

namespace millrace::stream {

namespace {
// What one commit takes beyond its first record: several of this size are not slower than a large
// one, and stay below what a log takes at once.
constexpr std::size_t commit_bytes = 1U << 20U;

// The log refused a commit for what one of its records is.
bool is_of_one_record(const Error& error) {
  return error.is(log::errc::too_large) || error.is(log::errc::time_out_of_bounds) ||
         error.is(log::errc::record_refused) || error.is(log::errc::unknown_partition) ||
         error.is(log::errc::topic_replaced);
}

// Two writers make different ids, also when they write for one source.
std::string prefix_of(Random& random) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof(digits), random.next(), 16).ptr;
  return std::string(digits, end) + "-";
}
}  // namespace

struct RecordWriter::State {
  State(log::Log& the_log, Clock& the_clock, std::string prefix, std::size_t max_bytes)
      : log(the_log),
        clock(the_clock),
        id_prefix(std::move(prefix)),
        max_waiting_bytes(std::max<std::size_t>(max_bytes, 1)) {}

  // A thread that is in one of the functions below, with the mutex held.
  struct Thread {
    int& threads;
    CondVar& changed;
    Thread(int& all, CondVar& on_change) : threads(all), changed(on_change) { ++threads; }
    ~Thread() {
      if (--threads == 0) changed.notify_all();
    }
  };
  struct One {
    log::TopicPartition partition;
    Done done;
  };
  struct Waiting {
    log::Transaction transaction;
    std::vector<One> records;
    std::size_t bytes = 0;  ///< of it in waiting_bytes
  };

  // Returns when `reached` is true, or nothing waits to be committed.
  void commit_until(FunctionRef<bool()> reached) {
    check_not_in_done();
    MutexLock lock(mutex);
    const Thread this_thread(inside, changed);
    while (!reached()) {
      if (committing || ending || (running > 0 && !line.empty())) {
        changed.wait(lock);
      } else if (line.empty()) {
        return;
      } else {
        commit_first();
      }
    }
  }

  // For commit_until(), which holds the lock.
  bool has_room() const MILLRACE_NO_THREAD_SAFETY_ANALYSIS {
    return waiting_bytes < max_waiting_bytes;
  }

  void run() {
    check_not_in_done();
    MutexLock lock(mutex);
    const Thread this_thread(inside, changed);
    const Thread also_running(running, changed);
    while (true) {
      if (committing || ending || (line.empty() && !stopping)) {
        changed.wait(lock);
      } else if (line.empty()) {
        return;
      } else {
        commit_first();
      }
    }
  }

  // A Done that waits for a record would wait for its own thread.
  void check_not_in_done() const {
    MILLRACE_ASSERT(leader.load(std::memory_order_relaxed) != std::this_thread::get_id(),
                    "a Done does not wait for a record: it is called by the thread that commits");
  }

  void commit_first() MILLRACE_REQUIRES(mutex) {
    committing = true;
    leader.store(std::this_thread::get_id(), std::memory_order_relaxed);
    std::swap(batch, line.front());
    spare = std::move(line.front());  // its memory serves the batch that is filled next
    line.pop_front();
    waiting_bytes -= std::exchange(batch.bytes, 0);
    mutex.unlock();
    try {
      commit_batch();
    } catch (...) {
      refuse_all();
      mutex.lock();
      end_commit();
      throw;
    }
    mutex.lock();
    end_commit();
  }

  void end_commit() MILLRACE_REQUIRES(mutex) {
    leader.store({}, std::memory_order_relaxed);
    committing = false;
    changed.notify_all();
  }

  // For a destructor that an exception calls. Returns when no other thread is inside any more.
  void end_without_commit() {
    check_not_in_done();
    {
      MutexLock lock(mutex);
      broken = stopping = ending = true;
      changed.notify_all();
      while (committing)
        changed.wait(lock);
      leader.store(std::this_thread::get_id(), std::memory_order_relaxed);
    }
    refuse_all();
    MutexLock lock(mutex);
    ending = false;
    end_commit();
    while (inside > 0)
      changed.wait(lock);
  }

  // After an exception: no record is committed any more.
  void refuse_all() MILLRACE_EXCLUDES(mutex) {
    {
      const MutexLock lock(mutex);
      broken = true;
      refused.swap(line);
      waiting_bytes = 0;
    }
    refuse(in_commit, {log::errc::outcome_unknown,
                       "the commit of the record ended with an exception: it may be in the log"});
    const Error closed(log::errc::closed,
                       "the record is not in the log: an exception ended its writer");
    refuse(batch.records, closed);
    forget_batch();
    for (Waiting& one : refused)
      refuse(one.records, closed);
    refused.clear();
  }

  // Each Done that was not called yet.
  static void refuse(std::span<One> ones, const Error& why) {
    for (One& one : ones) {
      if (one.done == nullptr) continue;
      try {
        call(one, fail(why));
      } catch (...) {
        // The first exception is the one that the caller of the commit gets.
      }
    }
  }

  // By one thread at a time: `committing`.
  void commit_batch() {
    const Result<log::LogPosition> outcome = commit(batch.transaction, batch.records);
    if (!outcome && is_of_one_record(outcome.error()) && batch.records.size() > 1) {
      commit_in_parts();
    } else {
      call_all(batch.records, outcome);
    }
    forget_batch();
  }

  void forget_batch() {
    in_commit = {};
    batch.transaction.clear();
    batch.records.clear();
  }

  static void call(One& one, const Result<log::LogPosition>& outcome) {
    std::exchange(one.done, nullptr)(outcome);
  }
  // All of them, also when one throws: their outcome is known.
  static void call_all(std::span<One> ones, const Result<log::LogPosition>& outcome) {
    std::exception_ptr thrown;
    for (One& one : ones) {
      try {
        call(one, outcome);
      } catch (...) {
        if (!thrown) thrown = std::current_exception();
      }
    }
    if (thrown) std::rethrow_exception(thrown);
  }

  // A log may have a limit that the rule on a record does not know: on the whole, a broker's, or
  // one of time. Only the record that is beyond it is refused: the commit is halved until that one
  // is alone, and the others need few commits.
  void commit_in_parts() {
    struct Queue {
      log::TopicPartition partition;
      std::vector<log::RecordView> records;
      std::size_t next = 0;
    };
    std::vector<Queue> queues(batch.transaction.batch_count());
    for (std::size_t i = 0; i < queues.size(); ++i) {
      log::Transaction::Batch& encoded = batch.transaction.batch(i);
      queues[i].partition = encoded.partition;
      const Status decoded = log::decode_batch(encoded.builder.finish(), queues[i].records);
      MILLRACE_ASSERT(decoded.has_value(), "a batch that was just encoded can be decoded");
    }
    std::vector<log::RecordView> records;
    for (const One& one : batch.records) {
      const auto queue = std::find_if(queues.begin(), queues.end(),
                                      [&](const Queue& q) { return q.partition == one.partition; });
      records.push_back(queue->records[queue->next++]);
    }
    commit_halves(batch.records, records);
  }

  void commit_halves(std::span<One> ones, std::span<const log::RecordView> records) {
    const std::size_t half = ones.size() / 2;
    commit_part(ones.first(half), records.first(half));
    commit_part(ones.subspan(half), records.subspan(half));
  }

  void commit_part(std::span<One> ones, std::span<const log::RecordView> records) {
    part.clear();
    for (std::size_t i = 0; i < ones.size(); ++i)
      part.append(ones[i].partition, records[i]);
    const Result<log::LogPosition> outcome = commit(part, ones);
    if (!outcome && is_of_one_record(outcome.error()) && ones.size() > 1)
      return commit_halves(ones, records);
    call_all(ones, outcome);
  }

  void put(log::TopicPartition partition, const log::Record& record, Done done)
      MILLRACE_REQUIRES(mutex) {
    if (line.empty() || line.back().transaction.bytes() >= commit_bytes)
      line.push_back(std::exchange(spare, {}));
    Waiting& last = line.back();
    const auto count = static_cast<std::ptrdiff_t>(last.records.size());
    try {
      last.records.push_back({partition, std::move(done)});
      last.transaction.append(partition, record);
    } catch (...) {  // no memory: the record was not taken
      last.records.erase(last.records.begin() + count, last.records.end());
      if (count == 0) line.pop_back();
      throw;
    }
    waiting_bytes += last.transaction.bytes() - last.bytes;
    last.bytes = last.transaction.bytes();
  }

  // `ones` are those of the transaction.
  Result<log::LogPosition> commit(log::Transaction& transaction, std::span<One> ones) {
    in_commit = ones;
    Result<log::Committed> committed = log.commit(transaction);
    in_commit = {};
    if (!committed) return fail(std::move(committed).error());
    return committed->position;
  }

  log::Log& log;
  Clock& clock;
  const std::string id_prefix;
  const std::size_t max_waiting_bytes;
  const int exceptions = std::uncaught_exceptions();  ///< on their way when the writer was made
  std::atomic<std::uint64_t> ids{0};                  ///< made so far
  std::atomic<std::thread::id> leader{};  ///< the thread that commits and calls each Done
  Waiting batch;                          ///< that is committed, by the thread that does
  std::span<One> in_commit;               ///< of `batch`, in the hands of the log; the same thread
  log::Transaction part;                  ///< of a commit that was refused; the same thread
  std::deque<Waiting> refused;            ///< after an exception; the same thread
  Mutex mutex;
  CondVar changed;
  std::deque<Waiting> line MILLRACE_GUARDED_BY(mutex);  ///< a commit each
  Waiting spare MILLRACE_GUARDED_BY(mutex);
  std::size_t waiting_bytes MILLRACE_GUARDED_BY(mutex) = 0;  ///< in `line`
  bool committing MILLRACE_GUARDED_BY(mutex) = false;
  int inside MILLRACE_GUARDED_BY(mutex) = 0;   ///< threads in commit_until() and run()
  int running MILLRACE_GUARDED_BY(mutex) = 0;  ///< of these in run()
  bool stopping MILLRACE_GUARDED_BY(mutex) = false;
  bool broken MILLRACE_GUARDED_BY(mutex) = false;  ///< a commit ended with an exception
  bool ending MILLRACE_GUARDED_BY(mutex) = false;  ///< end_without_commit() refuses what waits
};

RecordWriter::RecordWriter(log::Log& log, Clock& clock, Random& random,
                           std::size_t max_waiting_bytes)
    : state_(std::make_unique<State>(log, clock, prefix_of(random), max_waiting_bytes)) {}

RecordWriter::~RecordWriter() {
  if (std::uncaught_exceptions() > state_->exceptions) {
    state_->end_without_commit();
    return;
  }
  try {
    commit_all();
  } catch (...) {
    // Each Done was called with the reason, and a destructor has no caller to report it to.
  }
}

void RecordWriter::commit_until(FunctionRef<bool()> reached) { state_->commit_until(reached); }

void RecordWriter::commit_all() {
  state_->commit_until([] { return false; });
}

void RecordWriter::wait_for_room() {
  state_->commit_until([this] { return state_->has_room(); });
}

void RecordWriter::run() { state_->run(); }

void RecordWriter::stop() {
  {
    const MutexLock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
}

std::string RecordWriter::new_id() {
  return state_->id_prefix + std::to_string(state_->ids.fetch_add(1, std::memory_order_relaxed));
}

log::Log& RecordWriter::log() const { return state_->log; }
Clock& RecordWriter::clock() const { return state_->clock; }

void RecordWriter::check_not_in_done() const { state_->check_not_in_done(); }

Status RecordWriter::append(log::TopicPartition partition, const log::Record& record, Done done) {
  MILLRACE_ASSERT(done != nullptr, "append() takes a function to call");
  // Refused here, it does not take the others of its commit with it.
  MILLRACE_TRY(log::check_record_size(record, state_->log.options()));
  bool was_empty = false;
  {
    const MutexLock lock(state_->mutex);
    if (state_->broken) {
      return fail(log::errc::closed,
                  "an earlier commit of this writer ended with an exception: open another one");
    }
    if (state_->waiting_bytes >= state_->max_waiting_bytes) {
      return fail(millrace::errc::busy,
                  "{} bytes wait to be appended, the limit is {}: try again in a moment",
                  state_->waiting_bytes, state_->max_waiting_bytes);
    }
    was_empty = state_->line.empty();
    state_->put(partition, record, std::move(done));
  }
  if (was_empty) state_->changed.notify_all();
  return {};
}

}  // namespace millrace::stream
