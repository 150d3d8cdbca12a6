// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "millrace/stream/instance.hpp"
#include "millrace/testkit/topic_reader.hpp"
#include "millrace/testkit/torture.hpp"

namespace millrace::testkit {

/// What a run ended with: how often each thing is there.
class Tally {
 public:
  /// Counts what the service wrote and what its instances keep, as the options say.
  static Tally take(const stream::Topology& topology, const TortureOptions& options,
                    TopicReader& reader, const std::vector<stream::Instance*>& instances);

  [[nodiscard]] std::uint64_t letters() const { return letters_; }
  /// What is not there as often as in the reference, a line each; empty when all is.
  [[nodiscard]] std::string difference_to(const Tally& reference) const;

 private:
  void add(std::string thing) { ++things_[std::move(thing)]; }
  void take_records(const std::string& topic, TopicReader& reader);
  void take_last_values(const std::string& topic, TopicReader& reader);
  void take_letters(const std::string& topic, TopicReader& reader);
  void take_store(const std::string& store, const std::vector<stream::Instance*>& instances);

  std::map<std::string, std::int64_t> things_;
  std::uint64_t letters_ = 0;
};

}  // namespace millrace::testkit
