// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Builds of a shop, one after the other, and the manifest that they leave.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "manifest/evolution.hpp"
#include "manifest/part_shape.hpp"
#include "millrace/stream/topology.hpp"
#include "shop.hpp"

namespace millrace::stream::test {

inline const TakenNames nothing_taken{[](const std::string&) { return false; },
                                      [](const std::string&) { return false; },
                                      [](const std::string&) { return false; }};

using Declare = std::function<void(TopologyBuilder&)>;

inline Topology built(const Declare& declare) {
  TopologyBuilder builder("shop");
  declare(builder);
  auto plan = builder.build();
  EXPECT_TRUE(plan) << plan.error().to_string();
  return *std::move(plan);
}

inline std::string refused(const Declare& declare) {
  TopologyBuilder builder("shop");
  declare(builder);
  const auto plan = builder.build();
  return plan ? "" : plan.error().message();
}

inline void count(TopologyBuilder& builder, const std::string& store,
                  const std::string& topic = "orders") {
  builder.stream<std::string, Placed>(topic).group_by_key().count(store);
}

inline void count_countries(TopologyBuilder& builder, const std::string& store) {
  builder.stream<std::string, Placed>("orders")
      .group_by([](const Placed& placed) { return placed.country; })
      .count(store);
}

inline Result<Evolution> evolved(const Topology& topology, const std::optional<Manifest>& before) {
  return evolve("shop", first_manifest(topology.plan()), before, nothing_taken);
}

// The manifest after these builds, one after the other.
inline Manifest after(const std::vector<Declare>& builds) {
  std::optional<Manifest> manifest;
  for (const Declare& declare : builds) {
    auto evolution = evolved(built(declare), manifest);
    EXPECT_TRUE(evolution) << evolution.error().message();
    manifest = std::move(evolution->manifest);
  }
  return *manifest;
}

class Ticker final : public Processor<std::string, Placed> {
 public:
  void process(const std::string&, const Placed&, ProcessorContext&) override {}
};

inline Declare ticking(const std::string& name, const std::string& was = {}) {
  return [=](TopologyBuilder& builder) {
    builder.stream<std::string, Placed>("orders").process<Ticker>(name);
    if (!was.empty()) builder.was(name, was);
  };
}

}  // namespace millrace::stream::test
