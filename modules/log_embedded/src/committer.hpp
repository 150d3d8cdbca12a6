// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "member.hpp"

namespace millrace::log::embedded {

/// One commit at a time, with memory that the next reuses. Not thread-safe; several may work on one
/// log at once.
class Committer {
 public:
  explicit Committer(Member& log) : log_(log) {}
  [[nodiscard]] Result<Committed> commit(Transaction& transaction);

 private:
  [[nodiscard]] Status check(Transaction& transaction);
  void encode(Transaction& transaction);
  [[nodiscard]] Status check_tables(const Locked& locked, const Transaction& transaction) const;
  [[nodiscard]] Status check_claims(const Locked& locked, const Transaction& transaction) const;
  [[nodiscard]] Result<Committed> append(Transaction& transaction,
                                         std::optional<std::uint64_t>& removed);
  [[nodiscard]] Result<std::optional<Committed>> find_repeated(
      const Transaction::Sequence& sequence, std::optional<std::uint64_t>& removed);
  [[nodiscard]] Result<std::optional<Committed>> find_repeated(
      const Locked& locked, const Transaction::Sequence& sequence,
      std::optional<std::uint64_t>& removed);
  [[nodiscard]] Result<Committed> repeat(std::uint64_t position);
  [[nodiscard]] Result<Committed> repeat_removed(std::string_view producer, std::uint64_t position);

  Member& log_;
  FrameBuilder frame_;
  FrameHeader header_;
  RecordBatchBuilder records_;
};

}  // namespace millrace::log::embedded
