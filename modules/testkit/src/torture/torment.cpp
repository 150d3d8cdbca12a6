// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "torture/torment.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "millrace/base/hash.hpp"

namespace millrace::testkit {

namespace {

class TormentedNode final : public stream::Node {
 public:
  TormentedNode(const Torment& torment, std::string name, std::unique_ptr<stream::Node> inner)
      : torment_(&torment), name_(std::move(name)), inner_(std::move(inner)) {}

  void open(stream::TaskContext& context) override {
    inner_->children = children;
    inner_->open(context);
  }

  void process(const stream::Message& message, stream::TaskContext& context) override {
    // What a timer does is nobody's record, and would not become a dead letter.
    const stream::RecordInHand& record = context.record();
    const auto throws = record.topic.empty() ? Torment::Throws::never
                                             : torment_->throws(name_, record.context.correlation);
    torment_->before_call();
    if (throws == Torment::Throws::before) fail("before");
    inner_->process(message, context);
    if (throws == Torment::Throws::after) fail("after");
  }

 private:
  [[noreturn]] void fail(const std::string& when) const {
    throw std::runtime_error("thrown by torture " + when + " the work of " + name_);
  }

  const Torment* torment_;
  std::string name_;
  std::unique_ptr<stream::Node> inner_;
};

}  // namespace

stream::Topology Torment::apply(const stream::Topology& topology) const {
  return topology.with_nodes([this](const stream::NodeSpec& spec) {
    return [this, name = spec.name, make = spec.make] {
      return std::make_unique<TormentedNode>(*this, name, make());
    };
  });
}

Torment::Throws Torment::throws(std::string_view node, std::string_view correlation) const {
  if (correlation.empty()) return Throws::never;
  const std::uint64_t drawn = xxh64(correlation, xxh64(node, seed_));
  if (drawn % 1'000 >= throwing_) return Throws::never;
  return (drawn >> 32U) % 2 == 0 ? Throws::before : Throws::after;
}

}  // namespace millrace::testkit
