// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "text.hpp"

#include <charconv>
#include <limits>

namespace millrace::cli {

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

}  // namespace millrace::cli
