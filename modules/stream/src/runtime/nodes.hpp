// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/failures.hpp"
#include "runtime/source_reader.hpp"
#include "runtime/store_set.hpp"
#include "runtime/strays.hpp"
#include "runtime/uncounted_types.hpp"

namespace millrace::stream::runtime {

/// A task's nodes and the sources before them: reads the record in hand and lets the nodes process
/// it. One thread.
class Nodes {
 public:
  Nodes(Shared& shared, const ResolvedSubTopology& resolved);

  using List = std::vector<std::unique_ptr<Node>>;

  /// Makes all of them new, connected and not opened. Returns those that there were, which may have
  /// user code in their destructors.
  [[nodiscard]] List make();
  /// errc::handler_failed when a node throws.
  [[nodiscard]] Status open(TaskContext& context, std::string_view task);
  /// The name in the log of a timer of the node that is being opened.
  [[nodiscard]] std::string timer_in_log(std::string_view name) const;
  [[nodiscard]] Node& node(NodeId id) { return *nodes_[static_cast<std::size_t>(id)]; }

  /// Another record is in hand.
  void begin();
  /// Decodes the record in hand for each of its sources, and takes its context. All are read before
  /// any is processed: a record that one of them cannot read goes to the dead letters whole, and
  /// its replay to all of them.
  [[nodiscard]] std::optional<Failure> read(InHand& hand);
  [[nodiscard]] bool nothing_read() const { return readings_.empty(); }
  /// Because no source of the record reads it, and not because it is a replay for others.
  [[nodiscard]] bool left_out() const { return for_us_ && readings_.empty(); }
  // Of what was taken since the last commit:

  /// Replays for no part.
  [[nodiscard]] Strays& strays() { return strays_; }
  /// Records of types that their source does not read.
  [[nodiscard]] UncountedTypes& unknown_types() { return unknown_types_; }
  /// Processes what was read. Throws what nodes throw.
  void process(TaskContext& context);
  /// The record in hand failed. A store that is rebuilt from its topic alone takes it at the next
  /// restore, whatever became of it here: so it does now.
  void keep_tables(const InHand& hand, StoreSet& stores);

 private:
  struct Source {
    SourceReader reader;
    Node* node;
  };

  [[nodiscard]] std::optional<Failure> read_from(const std::vector<std::size_t>& sources,
                                                 InHand& hand);
  [[nodiscard]] std::optional<Failure> read_replayed(InHand& hand);
  [[nodiscard]] std::optional<Failure> pass_over(const InHand& hand,
                                                 std::optional<std::string_view> owner);

  const Shared* shared_;
  const ResolvedSubTopology* resolved_;
  List nodes_;  // by NodeId; null for those of other sub-topologies
  std::vector<std::unique_ptr<Source>> sources_;     // by index in Plan::sources
  std::vector<std::pair<Node*, Message>> readings_;  // of the record in hand
  const NodeSpec* opening_ = nullptr;                // the node that is being opened, or was last
  bool for_us_ = true;                               // it is no replay for others
  log::HeadersBuilder replayed_headers_;             // of the replay in hand, as they were at first
  Strays strays_;
  UncountedTypes unknown_types_;
  TableChange change_;
};

}  // namespace millrace::stream::runtime
