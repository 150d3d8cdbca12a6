// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/foreign_types.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "millrace/base/terminal_text.hpp"
#include "millrace/stream/any_value.hpp"
#include "runtime/in_hand.hpp"

namespace millrace::stream::runtime {

namespace {
constexpr std::size_t types_max = 100;
constexpr std::size_t type_bytes_max = 200;

bool is_struct(const RecordType& type) {
  return type.format == codec::Format::json && type.value->kind == codec::Kind::structure &&
         type.value != &codec::type_info<AnyValue>();
}
}  // namespace

void ForeignTypes::report(const Shared& shared, const InHand& hand) {
  if (count_ >= types_max) return;
  const std::string_view type = cut_text(hand.view().context.type, type_bytes_max);
  const auto topic = reported_.find(hand.view().topic);
  if (topic != reported_.end() && topic->second.contains(type)) return;
  const auto& sources = hand.input()->topic().sources;
  const bool by_name = std::any_of(sources.begin(), sources.end(), [&](std::size_t index) {
    return is_struct(shared.topology.sources[index].type);
  });
  if (!by_name) return;
  reported_[std::string(hand.view().topic)].emplace(type);
  ++count_;
  shared.tell("warn", "events of a type that no source reads are skipped",
              hand.where() + ": type " + escaped(type));
}

}  // namespace millrace::stream::runtime
