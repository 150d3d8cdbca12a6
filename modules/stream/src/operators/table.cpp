// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "operators/stored_table.hpp"

namespace millrace::stream::detail {

namespace {

class TableNode final : public Node {
 public:
  explicit TableNode(const TableSpec& spec) : table_(spec) {}
  void open(TaskContext& context) override { table_.open(context); }
  void process(const Message& message, TaskContext& context) override {
    if (message.key == nullptr) return context.skip();
    if (message.value == nullptr) {
      table_.erase(message.key);
    } else {
      table_.put(message.key, message.value, message.timestamp_ms);
    }
    forward(message, context);
  }

 private:
  StoredTable table_;
};

}  // namespace

NodeFactory table(TableSpec spec) {
  return [spec] { return std::make_unique<TableNode>(spec); };
}

}  // namespace millrace::stream::detail
