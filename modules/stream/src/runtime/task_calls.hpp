// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <string>

#include "runtime/failures.hpp"
#include "runtime/in_hand.hpp"
#include "runtime/nodes.hpp"
#include "runtime/operator_times.hpp"
#include "runtime/punctuators.hpp"
#include "runtime/staging.hpp"

namespace millrace::stream::runtime {

/// What the nodes of a task call: checks that the time for the call is right and passes it to the
/// part of the task that does it. One thread, that of step().
class TaskCalls final : public TaskContext {
 public:
  /// All outlive it.
  TaskCalls(Shared& shared, Nodes& nodes, Staging& staging, Failures& failures,
            Punctuators& punctuators, OperatorTimes& times, InHand& hand)
      : shared_(shared),
        nodes_(nodes),
        staging_(staging),
        failures_(failures),
        punctuators_(punctuators),
        operator_times_(times),
        hand_(hand) {}

  /// Holds for the scope.
  class While {
   public:
    explicit While(bool& what) : what_(what) { what_ = true; }
    ~While() { what_ = false; }
    While(const While&) = delete;
    While& operator=(const While&) = delete;

   private:
    bool& what_;
  };
  /// Nodes are opened for the scope of the result.
  [[nodiscard]] While opening() { return While(opening_); }
  /// A work item is processed for the scope of the result.
  [[nodiscard]] While in_work_item() { return While(in_work_item_); }
  /// Whether a work item is processed now. Lives as long as this.
  [[nodiscard]] const bool& is_in_work_item() const { return in_work_item_; }

  [[nodiscard]] const RecordInHand& record() const override { return hand_.view(); }
  [[nodiscard]] std::int64_t stream_time_ms() const override {
    return punctuators_.stream_time_ms();
  }
  [[nodiscard]] std::int64_t wall_ms() const override {
    return shared_.environment.clock.wall_ms();
  }
  [[nodiscard]] log::PartitionId partition() const override { return hand_.partition(); }
  [[nodiscard]] StagedStore& store(StoreId id) override;
  [[nodiscard]] const codec::Serde& store_serde(StoreId id) override {
    return *shared_.topology.stores[static_cast<std::size_t>(id)].serde;
  }
  void forward(NodeId to, const Message& message) override {
    nodes_.node(to).process(message, *this);
  }
  void send(const SinkSpec& sink, const Message& message) override;
  void skip() override { ++staging_.counts().skipped; }
  void late(StoreId store, std::int64_t timestamp_ms) override;
  OperatorTime& operator_time(StoreId store) override;
  void check_time(std::int64_t timestamp_ms) const override;
  void dead_letter(ErrorCode code, std::string_view reason) override;
  void schedule(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                std::function<void(std::int64_t)> callback) override;
  void sweep(std::string_view name, PunctuationType type, std::int64_t interval_ms, StoreId store,
             std::function<void(std::string_view, std::string_view, std::int64_t)> visit) override;
  void with_context(const RememberedContext& context, FunctionRef<void()> fn) override;

 private:
  void check_in_work_item(const char* what) const;
  void check_opening(const char* what) const;

  Shared& shared_;
  Nodes& nodes_;
  Staging& staging_;
  Failures& failures_;
  Punctuators& punctuators_;
  OperatorTimes& operator_times_;
  InHand& hand_;
  bool opening_ = false;       // nodes are opened
  bool in_work_item_ = false;  // a work item is processed
};

}  // namespace millrace::stream::runtime
