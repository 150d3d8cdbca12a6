// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/memory_log.hpp"

#include "memory/memory_handles.hpp"
#include "millrace/base/assert.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {

using Lock = std::unique_lock<std::mutex>;

struct MemoryBroker::State : MemoryState {
  using MemoryState::MemoryState;
};

MemoryBroker::MemoryBroker(Clock& clock, Random&, bool simulated)
    : state_(std::make_shared<State>(clock, simulated)) {}
MemoryBroker::~MemoryBroker() = default;

std::unique_ptr<Log> MemoryBroker::connect(LogOptions options) {
  if (options.member.empty()) {
    options.member = options.service;
  }
  return std::make_unique<MemoryLog>(state_, std::move(options));
}

void MemoryBroker::set_manual_durability(bool manual) {
  const Lock lock(state_->mutex);
  state_->manual_durability = manual;
  if (!manual) {
    state_->durable = state_->committed;
    state_->changed.notify_all();
  }
}

void MemoryBroker::make_durable() {
  const Lock lock(state_->mutex);
  state_->durable = state_->committed;
  state_->changed.notify_all();
}

void MemoryBroker::fail_commits(ErrorCode code, int times) {
  const Lock lock(state_->mutex);
  state_->failure = code;
  state_->failures_left = times;
}

void MemoryBroker::kill_member(Log& handle) {
  auto* const log = dynamic_cast<MemoryLog*>(&handle);
  MILLRACE_ASSERT(log != nullptr, "only handles of a memory broker can be killed by it");
  log->close();
}

MemoryLog::MemoryLog(std::shared_ptr<MemoryState> state, LogOptions options)
    : state_(std::move(state)), handle_(std::make_shared<MemoryHandle>(std::move(options))) {}

MemoryLog::~MemoryLog() { close(); }

void MemoryLog::close() {
  const Lock lock(state_->mutex);
  handle_->closed = true;
  state_->remove_members_of(*handle_);
  state_->changed.notify_all();
}

Status MemoryLog::check_open() const {
  if (handle_->closed) {
    return fail(closed_error(handle_->options.member));
  }
  return {};
}

Result<Topic> MemoryLog::create_topic(const TopicSpec& spec) {
  const Lock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  return state_->create_topic(spec, handle_->options.service);
}

Result<Topic> MemoryLog::find_topic(std::string_view name) {
  const Lock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  return state_->find_topic(name);
}

std::vector<Topic> MemoryLog::topics() {
  const Lock lock(state_->mutex);
  std::vector<Topic> result;
  for (const auto& stored : state_->topics) {
    if (!is_internal(stored.topic.spec.name)) {
      result.push_back(stored.topic);
    }
  }
  return result;
}

Result<Committed> MemoryLog::commit(Transaction& transaction) {
  MILLRACE_TRY(check_size(transaction, handle_->options));
  const Lock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  return state_->commit(transaction, *handle_);
}

Status MemoryLog::fetch(TopicPartition place, Offset from, std::size_t max_bytes,
                        FetchBuffer& buffer) {
  buffer.records.clear();
  buffer.batches.clear();
  buffer.bytes.clear();
  {
    const Lock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    MILLRACE_TRY(state_->collect(place, from, max_bytes, buffer));
  }
  std::string_view rest = buffer.bytes;
  for (FetchedBatch& batch : buffer.batches) {
    const std::size_t first = buffer.records.size();
    const Status decoded = decode_batch(rest.substr(0, batch.count), buffer.records);
    MILLRACE_ASSERT(decoded.has_value(), "a batch in memory is as it was encoded");
    rest.remove_prefix(batch.count);
    if (first == 0) {
      std::erase_if(buffer.records,
                    [from](const RecordView& record) { return record.offset < from; });
    }
    batch.first = first;
    batch.count = buffer.records.size() - first;
  }
  return {};
}

Result<Offset> MemoryLog::start_offset(TopicPartition place) {
  const Lock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  MILLRACE_TRY(state_->check_place(place));
  return offset(0);
}

Result<Offset> MemoryLog::end_offset(TopicPartition place) {
  const Lock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  MILLRACE_TRY(state_->check_place(place));
  return state_->at(place).end;
}

LogPosition MemoryLog::committed() {
  const Lock lock(state_->mutex);
  return state_->committed;
}

LogPosition MemoryLog::durable() {
  const Lock lock(state_->mutex);
  return state_->durable;
}

Status MemoryLog::wait_durable(LogPosition position) {
  Lock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  if (position.position > state_->committed.position) {
    return fail(errc::invalid_argument,
                "position " + std::to_string(position.position) + " is beyond the end of the log");
  }
  while (handle_->options.durability != DurabilityPolicy::os &&
         state_->durable.position < position.position) {
    if (state_->simulated) {
      return fail(errc::busy, "position " + std::to_string(position.position) +
                                  " is not durable yet, and simulated time does not wait");
    }
    state_->changed.wait(lock);
    MILLRACE_TRY(check_open());
  }
  return {};
}

Result<GroupId> MemoryLog::group(std::string_view name) {
  const Lock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  return state_->find_or_make_group(name);
}

Result<std::optional<Offset>> MemoryLog::position(GroupId group, TopicPartition place) {
  const Lock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  MILLRACE_TRY(state_->check_group(group));
  MILLRACE_TRY(state_->check_place(place));
  const auto& positions = state_->at(group).positions;
  const auto found = positions.find(place);
  return found == positions.end() ? std::nullopt : std::optional<Offset>(found->second);
}

std::vector<GroupInfo> MemoryLog::groups() {
  const Lock lock(state_->mutex);
  return state_->describe_groups();
}

Status MemoryLog::maintain() {
  const Lock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  state_->expire_members();
  return {};
}

}  // namespace millrace::log
