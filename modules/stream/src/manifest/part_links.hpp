// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

#include "manifest/evolution.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

[[nodiscard]] bool has(const std::vector<std::string>& names, const std::string& name);
/// "a, b", or "(none)".
[[nodiscard]] std::string listed(const std::vector<std::string>& names);
/// Whether they have a name in common.
[[nodiscard]] bool meet(const std::vector<std::string>& a, const std::vector<std::string>& b);
/// By its name: parts may rely on no record of it after it was read.
[[nodiscard]] bool is_repartition(const std::string& topic);
/// A store of that name that was not removed; null: there is none.
[[nodiscard]] const Manifest::Store* find_store(const std::vector<Manifest::Store>& stores,
                                                const std::string& name);
[[nodiscard]] bool share_store(const Manifest::Part& a, const Manifest::Part& b);
/// Indexes of the parts in that state with which `part` has stores or inputs in common.
[[nodiscard]] std::vector<std::size_t> linked_parts(const std::vector<Manifest::Part>& parts,
                                                    const Manifest::Part& part,
                                                    std::string_view state);
/// The first store that was not removed; empty: there is none.
[[nodiscard]] std::string first_store(const Manifest::Part& part);
/// A store of the live part that writes the topic, with which all parts behind it are rebuilt.
[[nodiscard]] std::string store_behind(const std::vector<Manifest::Part>& parts,
                                       const std::string& topic);
/// Gives a new part the next number, and a name that nothing in the log has.
void number_and_name(const std::string& service, const std::vector<Manifest::Part>& parts,
                     const TakenNames& taken, Manifest::Part& part);

}  // namespace millrace::stream
