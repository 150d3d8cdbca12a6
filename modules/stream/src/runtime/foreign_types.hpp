// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <set>
#include <string>
#include <utility>

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
  std::set<std::pair<std::string, std::string>> reported_;  // topic and type
};

}  // namespace millrace::stream::runtime
