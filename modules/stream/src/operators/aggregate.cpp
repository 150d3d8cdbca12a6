// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <optional>

#include "millrace/codec/codec.hpp"
#include "millrace/stream/staged_store.hpp"
#include "millrace/stream/store.hpp"
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
    if (!spec_.windows) return;
    time_ = &context.operator_time(spec_.table.store);
    remove_expired(context);
  }
  void process(const Message& message, TaskContext& context) override {
    if (message.key == nullptr || message.value == nullptr) return context.skip();
    if (!spec_.windows) return add(message.key, message, context);
    const TimeWindows& windows = *spec_.windows;
    time_->observe(message.timestamp_ms);
    const std::int64_t count = windows.count_at(message.timestamp_ms);
    for (std::int64_t n = 0; n < count; ++n) {
      const TimeWindow window = windows.at(message.timestamp_ms, n);
      if (windows.is_closed(window.end_ms, time_->ms()) ||
          windows.is_expired(window.start_ms, time_->ms())) {
        context.late(spec_.table.store, message.timestamp_ms);
        continue;
      }
      spec_.group(message, window, group_->get());
      add(group_->get(), message, context);
    }
  }

 private:
  void add(const void* key, const Message& message, TaskContext& context) {
    const bool exists = table_.load(key);
    spec_.fold(message, table_.value(), exists);
    // Of all that count for the key: a late record does not make the result older.
    const std::int64_t time_ms =
        exists ? std::max(table_.time_ms(), message.timestamp_ms) : message.timestamp_ms;
    table_.save(table_.value(), time_ms);
    forward({key, table_.value(), time_ms}, context);
  }
  // A walk looks at each window that is there. With that interval it does so a few times in the
  // life of a window, and none is kept for much longer than its retention.
  void remove_expired(TaskContext& context) {
    const std::int64_t interval_ms = std::max<std::int64_t>(1, spec_.windows->kept_ms() / 4);
    StagedStore& store = context.store(spec_.table.store);
    context.sweep("/retention/" + spec_.name, PunctuationType::stream_time, interval_ms,
                  spec_.table.store,
                  [this, &store](std::string_view key, std::string_view, std::int64_t) {
                    check_stored(codec::decode_key(*spec_.table.key, key, group_->get()));
                    const std::int64_t start_ms = spec_.start_of(group_->get());
                    if (spec_.windows->is_expired(start_ms, time_->ms())) store.erase(key);
                  });
  }

  AggregateSpec spec_;
  StoredTable table_;
  OperatorTime* time_ = nullptr;  // null: there are no windows
  std::optional<codec::TypedObject> group_;
};

}  // namespace

NodeFactory aggregate(AggregateSpec spec) {
  return [spec = std::move(spec)] { return std::make_unique<AggregateNode>(spec); };
}

}  // namespace millrace::stream::detail
