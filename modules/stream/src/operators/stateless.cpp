// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/detail/operators.hpp"

namespace millrace::stream::detail {

namespace {

class PassThrough final : public Node {
 public:
  void process(const Message& message, TaskContext& context) override { forward(message, context); }
};

class Facts final : public Node {
 public:
  void process(const Message& message, TaskContext& context) override {
    if (message.value != nullptr) forward(message, context);
  }
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
    context.send(*spec_, message);
  }

 private:
  std::shared_ptr<const SinkSpec> spec_;
};

}  // namespace

NodeFactory pass_through() {
  return [] { return std::make_unique<PassThrough>(); };
}

NodeFactory facts() {
  return [] { return std::make_unique<Facts>(); };
}

NodeFactory stateless(Body body) {
  return [body = std::move(body)] { return std::make_unique<Stateless>(body); };
}

NodeFactory sink(const SinkSpec& spec) {
  return
      [shared = std::make_shared<const SinkSpec>(spec)] { return std::make_unique<Sink>(shared); };
}

}  // namespace millrace::stream::detail
