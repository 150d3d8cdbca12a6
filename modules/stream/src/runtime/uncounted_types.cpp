// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/uncounted_types.hpp"

#include <utility>

#include "runtime/source_reader.hpp"

namespace millrace::stream::runtime {

void UncountedTypes::found(const SourceSpec& source, const InHand& hand) {
  const std::string_view type = hand.view().context.type;
  const auto [count, is_new] = shared_->unknown_types.find(source.topic, type);
  in_hand_ = count;
  const bool may_be_mistake = source.type.value->kind == codec::Kind::structure &&
                              source.on_unknown_type == OnUnknownType::skip;
  if (is_new && may_be_mistake)
    shared_->report(Level::warn, "events of a type that no source reads are skipped",
                    hand.where() + ": type " + shown_type(type));
}

void UncountedTypes::take() {
  if (UnknownTypes::Count* const count = std::exchange(in_hand_, nullptr); count != nullptr)
    taken_.push_back(count);
}

void UncountedTypes::committed() {
  for (UnknownTypes::Count* const count : taken_)
    count->fetch_add(1, std::memory_order_relaxed);
}

}  // namespace millrace::stream::runtime
