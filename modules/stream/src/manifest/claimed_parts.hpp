// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "millrace/log/group.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/transaction.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

/// All tasks of the live parts of a service, claimed by a tool: no instance works on them as long
/// as it has them. Gives them back when it is destroyed. One thread.
class ClaimedParts {
 public:
  /// `log` is a handle of the service and outlives this. `moved`: indexes of the parts that must
  /// not begin meanwhile either, when none of their inputs is there. base's errc::busy when
  /// somebody else has a task; failures of the log.
  [[nodiscard]] static Result<ClaimedParts> claim(log::Log& log, const std::string& service,
                                                  const Manifest& manifest,
                                                  const std::set<std::size_t>& moved);

  /// Keeps the claims: call it at least every second. A claim that was lost all the same is noticed
  /// by the commit.
  [[nodiscard]] Status keep();
  /// The commit is refused with log's errc::fenced when one of the claims is lost.
  void require(log::Transaction& transaction) const;

 private:
  explicit ClaimedParts(log::Log& log) : log_(&log) {}

  [[nodiscard]] Result<bool> add(const std::string& service, const Manifest::Part& part,
                                 bool is_moved);

  log::Log* log_;
  std::vector<std::unique_ptr<log::Membership>> memberships_;
  std::vector<log::Claim> claims_;
};

}  // namespace millrace::stream
