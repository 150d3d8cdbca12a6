// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "operators/stored_table.hpp"

namespace millrace::stream::detail {

namespace {

class JoinNode final : public Node {
 public:
  explicit JoinNode(const JoinSpec& spec) : spec_(spec), table_(spec.table) {}
  void open(TaskContext& context) override { table_.open(context); }
  void process(const Message& message, TaskContext& context) override {
    const bool matched = message.key != nullptr && table_.load(message.key);
    if (message.value == nullptr || (message.key == nullptr && spec_.inner)) return context.skip();
    if (!matched && spec_.inner) return;
    spec_.joiner(message, matched ? table_.value() : nullptr, Output(*this, context));
  }

 private:
  JoinSpec spec_;
  StoredTable table_;
};

}  // namespace

NodeFactory join(JoinSpec spec) {
  return [spec = std::move(spec)] { return std::make_unique<JoinNode>(spec); };
}

}  // namespace millrace::stream::detail
