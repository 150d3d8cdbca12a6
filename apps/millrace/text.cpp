// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace millrace::cli {

namespace {

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

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<PartitionOffset> parse_partition_offset(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto partition = parse_integer(text.substr(0, colon));
  const auto offset = parse_integer(text.substr(colon + 1));
  if (!partition || !offset || *partition < 0 || *offset < 0) return std::nullopt;
  if (*partition > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return PartitionOffset{static_cast<std::int32_t>(*partition), *offset};
}

std::string record_name(std::string_view topic, std::int32_t partition, std::int64_t offset) {
  return std::string(topic) + "-" + std::to_string(partition) + ":" + std::to_string(offset);
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

std::string counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace millrace::cli
