// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/message_text.hpp"

#include <algorithm>

#include "millrace/base/terminal_text.hpp"

namespace millrace {

namespace {

constexpr std::size_t listed_names_max = 12;

std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::optional<std::string> nearest(std::string_view name,
                                   const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  std::size_t best_edits = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t needed = edits(name, candidate);
    if (needed < best_edits) {
      best = &candidate;
      best_edits = needed;
    }
  }
  if (best != nullptr) return *best;
  return std::nullopt;
}

std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string>& candidates) {
  std::string message = "there is no ";
  message.append(what).append(" '").append(escaped(name)).append("'");
  if (const auto meant = nearest(name, candidates)) {
    return message + ": did you mean '" + *meant + "'?";
  }
  if (candidates.empty() || candidates.size() > listed_names_max) return message;
  message += ": there are ";
  for (const std::string& candidate : candidates) {
    if (candidate != candidates.front()) message += ", ";
    message += candidate;
  }
  return message;
}

}  // namespace millrace
