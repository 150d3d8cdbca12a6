// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/topology.hpp"

namespace millrace::stream {

TopologyBuilder::TopologyBuilder(std::string service, std::int32_t partitions)
    : graph_(std::make_unique<detail::Graph>(std::move(service), partitions)) {}
TopologyBuilder::~TopologyBuilder() = default;
Result<Topology> TopologyBuilder::build() { return graph_->build(); }

TopologyBuilder& TopologyBuilder::declare_topic(std::string_view topic, log::TopicKind kind) {
  graph_->declare_topic(std::string(topic), kind);
  return *this;
}

TopologyBuilder& TopologyBuilder::keep(std::string_view store, ByteStoreSupplier supplier) {
  graph_->keep(std::string(store), std::move(supplier));
  return *this;
}

TopologyBuilder& TopologyBuilder::was(std::string_view name, std::string_view old) {
  graph_->was(std::string(name), std::string(old));
  return *this;
}

TopologyBuilder& TopologyBuilder::version(std::string_view name, std::int64_t version) {
  graph_->version(std::string(name), version);
  return *this;
}

}  // namespace millrace::stream
