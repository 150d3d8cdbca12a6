// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>

namespace millrace::stream::runtime {

class InHand;
struct Shared;

/// Reports events that are skipped because a source reads a struct of another name, which may be a
/// mistake: the first of each type in a topic, and not of too many types. What a variant does not
/// name is left out on purpose. One thread.
class ForeignTypes {
 public:
  /// No source of the record in hand knows its type.
  void report(const Shared& shared, const InHand& hand);

 private:
  // By topic. Looked up for each such record, without a copy.
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> reported_;
  std::size_t count_ = 0;
};

}  // namespace millrace::stream::runtime
