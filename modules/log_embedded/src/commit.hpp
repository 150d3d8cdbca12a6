// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "core.hpp"

namespace millrace::log::embedded {

/// One commit at a time, with memory that the next reuses. Not thread-safe; several may work on one
/// core at once.
class Committer {
 public:
  explicit Committer(Core& core) : core_(core) {}
  [[nodiscard]] Result<Committed> commit(Transaction& transaction);

 private:
  [[nodiscard]] Status check(Transaction& transaction);
  void encode(Transaction& transaction);
  [[nodiscard]] Status check_tables(const Locked& locked, const Transaction& transaction) const;
  [[nodiscard]] Status check_claims(const Locked& locked, const Transaction& transaction) const;
  [[nodiscard]] Result<Committed> repeat(std::uint64_t position);

  Core& core_;
  FrameBuilder frame_;
  FrameHeader header_;
  RecordBatchBuilder records_;
};

/// The claim is the current one of its unit.
[[nodiscard]] bool claim_holds(const Locked&, const Control& control, const Claim& claim);
/// errc::not_found.
[[nodiscard]] Status check_group(Core& core, GroupId group);

}  // namespace millrace::log::embedded
