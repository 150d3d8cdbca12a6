// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/codec/describe.hpp"
#include "millrace/stream/topology.hpp"

namespace millrace::stream::test {

/// Runs a plan as one task per sub-topology over one partition, without a log: what is sent to a
/// topic that the plan reads comes back in, the rest is kept as text.
class PlanRunner {
 public:
  explicit PlanRunner(Topology plan);
  ~PlanRunner();

  template <class K, class V>
  void pipe(const std::string& topic, const K& key, const V& value, std::int64_t timestamp_ms = 0) {
    deliver(topic, {&key, &value, timestamp_ms});
  }
  template <class V>
  void pipe_without_key(const std::string& topic, const V& value) {
    deliver(topic, {nullptr, &value, 0});
  }
  /// A record with a null value.
  template <class K>
  void pipe_deletion(const std::string& topic, const K& key) {
    deliver(topic, {&key, nullptr, 0});
  }
  /// What was sent since the last call: "key=json" or "key=json@partition" where a partitioner
  /// chose.
  [[nodiscard]] std::vector<std::string> sent(const std::string& topic);
  template <class K, class V>
  [[nodiscard]] Store<K, V> store(const std::string& name) {
    return Store<K, V>(*stores_.at(id_of(name)), *codec::binary_serde());
  }
  /// Fires every punctuator whose name is that.
  void fire(const std::string& name, std::int64_t time_ms);
  [[nodiscard]] const std::vector<std::string>& dead_letters() const { return dead_letters_; }

 private:
  class Context;
  struct Queued;

  [[nodiscard]] StoreId id_of(const std::string& store) const;
  void deliver(const std::string& topic, const Message& message);
  void drain();

  Topology plan_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<StoreId, std::unique_ptr<StagedStore>> stores_;
  std::unique_ptr<Context> context_;
  std::map<std::string, std::vector<std::string>> sent_;
  std::deque<Queued> queue_;
  std::map<std::string, std::function<void(std::int64_t)>> punctuators_;
  std::vector<std::string> dead_letters_;
};

}  // namespace millrace::stream::test
