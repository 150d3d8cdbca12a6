// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "manifest/difference.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

/// What has a name that may change from build to build.
struct Named {
  std::string name;
  std::vector<std::string> was;  ///< in earlier builds
  std::string store;             ///< with which the part that has it is rebuilt; empty: none
};

/// For each of `now`: the index of the one in `before` that it continues, if any, and each is
/// continued once. In this order: one of the same name; one whose name it says that it was; one
/// that had such a name before; and, on the way back to an earlier build, one that had its name
/// before. Adds to `differences` those of `now` that may continue more than one; `what` they are.
[[nodiscard]] std::vector<std::optional<std::size_t>> match_names(const std::string& what,
                                                                  const std::vector<Named>& now,
                                                                  const std::vector<Named>& before,
                                                                  Differences& differences);

/// "counts", or "counts (totals here)" where the build says `here`.
[[nodiscard]] std::string shown_name(const std::string& name, const std::string& here);

/// Adds the name `before` to those that something called `now` had, and takes out `now`.
void keep_name(std::optional<std::vector<std::string>>& was, const std::string& before,
               const std::string& now);

/// The names of a manifest for a build that calls some of it otherwise.
class Renames {
 public:
  /// Gives the stores and private topics of `now`, a first_manifest(), the names that they have in
  /// `before`. Adds to `differences` what would continue two of them.
  Renames(Manifest& now, const Manifest& before, Differences& differences);
  /// Gives what was renamed the names of the build, once the parts are matched; adds a note for
  /// each. True when that changed the manifest.
  bool apply(Manifest& manifest, std::vector<std::string>& notes) const;
  /// For people: `store` of the part at that index in the manifest, with the build's name where
  /// that is another.
  [[nodiscard]] std::string shown(std::size_t part, const std::string& store) const;
  /// The same of a private topic.
  [[nodiscard]] std::string shown(const std::string& topic) const;
  /// By the build's name of a topic: the one that it has in the log.
  [[nodiscard]] const std::map<std::string, std::string>& topics() const { return topics_; }

 private:
  void take_stores(Manifest& now, const Manifest& before, Differences& differences);
  void take_stores(const std::vector<Manifest::Store*>& stores, const Manifest& before,
                   std::string_view state, Differences& differences);
  void take_topics(Manifest& now, const Manifest& before, Differences& differences);
  // `found`: for each channel of `now`, the index of the one that it continues.
  void name_topics(Manifest& now, const Manifest& before,
                   const std::vector<std::optional<std::size_t>>& found);

  // The build's names, by the index of the part in the manifest and the name there.
  std::map<std::pair<std::size_t, std::string>, std::string> stores_;
  std::map<std::string, std::string> called_;  // topics: the build's names, by the manifest's
  std::map<std::string, std::string> topics_;
};

}  // namespace millrace::stream
