// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/detail/graph.hpp"

#include <stdexcept>

namespace millrace::stream::detail {

namespace {

class PassThrough final : public Node {
 public:
  void process(const Message& message, TaskContext& context) override { forward(message, context); }
};

class Stateless final : public Node {
 public:
  explicit Stateless(Body body) : body_(std::move(body)) {}
  void process(const Message& message, TaskContext& context) override {
    body_(message, Output(*this, context));
  }

 private:
  Body body_;
};

class Sink final : public Node {
 public:
  explicit Sink(std::shared_ptr<const SinkSpec> spec) : spec_(std::move(spec)) {}
  void process(const Message& message, TaskContext& context) override {
    if (message.value == nullptr && !spec_->partitions_deletions) return context.skip();
    context.send(*spec_, message);
  }

 private:
  std::shared_ptr<const SinkSpec> spec_;
};

}  // namespace

void throw_no_key() {
  throw std::invalid_argument(
      "the record has no key, and the function takes one: take only the value, or std::optional of "
      "the key in a function that names its types, or give the record a key by select_key() "
      "before");
}

NodeFactory pass_through() {
  return [] { return std::make_unique<PassThrough>(); };
}

NodeFactory stateless(Body body) {
  return [body = std::move(body)] { return std::make_unique<Stateless>(body); };
}

NodeFactory sink(const SinkSpec& spec) {
  return
      [shared = std::make_shared<const SinkSpec>(spec)] { return std::make_unique<Sink>(shared); };
}

}  // namespace millrace::stream::detail
