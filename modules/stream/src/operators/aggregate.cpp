// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <optional>

#include "operators/stored_table.hpp"

namespace millrace::stream::detail {

namespace {

class AggregateNode final : public Node {
 public:
  explicit AggregateNode(const AggregateSpec& spec) : spec_(spec), table_(spec.table) {
    if (spec_.group) group_.emplace(*spec.table.key);
  }
  void open(TaskContext& context) override {
    table_.open(context);
    if (spec_.windows && spec_.windows->grace_ms) time_ = &context.operator_time(spec_.table.store);
  }
  void process(const Message& message, TaskContext& context) override {
    if (message.key == nullptr || message.value == nullptr) return context.skip();
    if (is_late(message.timestamp_ms)) return context.late(spec_.table.store, message.timestamp_ms);
    const void* key = message.key;
    if (group_) {
      spec_.group(message, group_->get());
      key = group_->get();
    }
    const bool exists = table_.load(key);
    spec_.fold(message, table_.value(), exists);
    // Of all that count for the key: a late record does not make the result older.
    const std::int64_t time_ms =
        exists ? std::max(table_.time_ms(), message.timestamp_ms) : message.timestamp_ms;
    table_.save(table_.value(), time_ms);
    forward({key, table_.value(), time_ms}, context);
  }

 private:
  bool is_late(std::int64_t timestamp_ms) {
    if (time_ == nullptr) return false;
    time_->observe(timestamp_ms);
    return spec_.windows->is_closed(spec_.windows->end_of(timestamp_ms), time_->ms());
  }

  AggregateSpec spec_;
  StoredTable table_;
  OperatorTime* time_ = nullptr;  // null: no window closes
  std::optional<codec::TypedObject> group_;
};

}  // namespace

NodeFactory aggregate(AggregateSpec spec) {
  return [spec = std::move(spec)] { return std::make_unique<AggregateNode>(spec); };
}

}  // namespace millrace::stream::detail
