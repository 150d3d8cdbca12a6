// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "memory/memory_state.hpp"

namespace millrace::log {

/// A handle of a MemoryBroker.
class MemoryLog final : public Log {
 public:
  MemoryLog(std::shared_ptr<MemoryState> state, LogOptions options);
  ~MemoryLog() override;
  MemoryLog(const MemoryLog&) = delete;
  MemoryLog& operator=(const MemoryLog&) = delete;

  Result<Topic> create_topic(const TopicSpec& spec) override;
  Result<Topic> find_topic(std::string_view name) override;
  std::vector<Topic> topics() override;
  Result<Committed> commit(Transaction& transaction) override;
  Status fetch(TopicPartition place, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override;
  Result<Offset> start_offset(TopicPartition place) override;
  Result<Offset> end_offset(TopicPartition place) override;
  std::unique_ptr<Waiter> waiter() override;
  LogPosition committed() override;
  LogPosition durable() override;
  Status wait_durable(LogPosition position) override;
  Result<GroupId> group(std::string_view name) override;
  Result<std::optional<Offset>> position(GroupId group, TopicPartition place) override;
  Result<std::unique_ptr<Membership>> join(GroupId group, std::vector<std::string> units) override;
  std::vector<GroupInfo> groups() override;
  Status maintain() override;
  const LogOptions& options() const override { return handle_->options; }
  std::string identity() override { return "memory"; }

  /// Closes the handle as if its process had died.
  void close();

 private:
  Status check_open() const;

  const std::shared_ptr<MemoryState> state_;
  const std::shared_ptr<MemoryHandle> handle_;
};

/// A member of a group. Keeps state and handle alive, so that it may outlive its log by mistake.
class MemoryMembership final : public Membership {
 public:
  MemoryMembership(std::shared_ptr<MemoryState> state, std::shared_ptr<MemoryHandle> handle,
                   GroupId group, std::uint64_t member, std::set<std::string> units)
      : state_(std::move(state)),
        handle_(std::move(handle)),
        group_(group),
        member_(member),
        units_(std::move(units)) {}
  ~MemoryMembership() override;
  MemoryMembership(const MemoryMembership&) = delete;
  MemoryMembership& operator=(const MemoryMembership&) = delete;

  Result<MembershipChange> poll() override;
  Status release(const Claim& claim) override;

 private:
  const std::shared_ptr<MemoryState> state_;
  const std::shared_ptr<MemoryHandle> handle_;
  const GroupId group_;
  const std::uint64_t member_;
  const std::set<std::string> units_;
  std::vector<Claim> held_;
  std::vector<Claim> asked_;  // told so already
};

class MemoryWaiter final : public Waiter {
 public:
  MemoryWaiter(std::shared_ptr<MemoryState> state, std::shared_ptr<MemoryHandle> handle)
      : state_(std::move(state)), handle_(std::move(handle)) {}

  WaitOutcome wait(std::span<const Interest> interests, std::int64_t deadline_ns) override;
  void interrupt() override;

 private:
  const std::shared_ptr<MemoryState> state_;
  const std::shared_ptr<MemoryHandle> handle_;
  bool interrupted_ = false;  // guarded by MemoryState::mutex
};

}  // namespace millrace::log
