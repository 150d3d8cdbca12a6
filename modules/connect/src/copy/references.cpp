// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy/references.hpp"

#include <charconv>

namespace millrace::connect {

namespace {

constexpr std::string_view offset_header = "dl-offset";
constexpr std::string_view replay_header = "dl-replay-of";

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<log::Offset> References::find(std::string_view topic, std::int64_t partition,
                                            std::int64_t offset, std::string_view of_topic) const {
  if (phase_of(topic) >= phase_of(of_topic)) return std::nullopt;
  const auto found =
      map_.find(PartitionName(std::string(topic), static_cast<std::int32_t>(partition)));
  return found == map_.end() ? std::nullopt : found->second.find(log::offset(offset));
}

std::optional<std::string> References::copied_offset(log::HeadersView headers,
                                                     std::string_view of_topic) const {
  const auto topic = headers.find("dl-topic");
  const auto partition = number_in(headers.find("dl-partition").value_or(""));
  const auto offset = number_in(headers.find(offset_header).value_or(""));
  if (!topic || !partition || !offset) return std::nullopt;
  const auto found = find(*topic, *partition, *offset, of_topic);
  return found ? std::optional(std::to_string(found->value)) : std::nullopt;
}

std::optional<std::string> References::copied_letter(log::HeadersView headers,
                                                     std::string_view of_topic) const {
  const std::string_view letter = headers.find(replay_header).value_or("");
  const std::size_t colon = letter.rfind(':');
  const std::size_t dash = letter.substr(0, colon).rfind('-');
  if (colon == std::string_view::npos || dash == std::string_view::npos) return std::nullopt;
  const std::string_view topic = letter.substr(0, dash);
  const auto partition = number_in(letter.substr(dash + 1, colon - dash - 1));
  const auto offset = number_in(letter.substr(colon + 1));
  if (!partition || !offset) return std::nullopt;
  const auto found = find(topic, *partition, *offset, of_topic);
  if (!found) return std::nullopt;
  return to_string({std::string(topic), static_cast<std::int32_t>(*partition)}) + ":" +
         std::to_string(found->value);
}

log::HeadersView References::translate(std::string_view topic, log::HeadersView headers) {
  if (phase_of(topic) == CopyPhase::records ||
      headers.encoded().find("dl-") == std::string_view::npos) {
    return headers;
  }
  const auto offset = copied_offset(headers, topic);
  const auto letter = copied_letter(headers, topic);
  if (!offset && !letter) return headers;
  built_.clear();
  std::string_view cursor = headers.encoded();
  log::HeaderView header;
  while (log::HeadersView::next(cursor, header)) {
    if (offset && header.key == offset_header) {
      built_.add(header.key, *offset);
    } else if (letter && header.key == replay_header) {
      built_.add(header.key, *letter);
    } else {
      built_.add(header.key, header.value);
    }
  }
  return built_.view();
}

Result<std::optional<std::string_view>> References::translate(CopyPhase phase,
                                                              const log::Record& record) {
  if (phase != CopyPhase::manifests || !record.value) return record.value;
  MILLRACE_ASSIGN(value_, translate_manifest(*record.value, map_, topics_));
  return std::optional<std::string_view>(value_);
}

}  // namespace millrace::connect
