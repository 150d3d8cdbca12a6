// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/stored_types.hpp"

#include "millrace/codec/cloud_events.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream::runtime {

Result<std::optional<std::string_view>> StoredTypes::current(const log::RecordView& record) {
  MILLRACE_ASSIGN(const std::uint32_t number,
                  codec::read_value_type(record.headers.encoded(), record.headers.size()));
  if (!record.value || number == spec_->value_type) return record.value;
  MILLRACE_ASSIGN(codec::Converter* const converter, converter_of(number));
  auto value = converter->convert(*record.value);
  if (!value)
    return fail(errc::incompatible,
                "{}, {}, and does not read as that: {}; when a newer build of the service extended "
                "the type while this one ran, use that build, or start this one again",
                of(number), spec_->value_types[number - 1], value.error().message());
  return *value;
}

std::string StoredTypes::of(std::uint32_t number) const {
  return "its value has the type number " + std::to_string(number) + " of store " + spec_->name;
}

Result<codec::Converter*> StoredTypes::converter_of(std::uint32_t number) {
  if (const auto found = converters_.find(number); found != converters_.end())
    return &found->second;
  if (number > spec_->value_types.size())
    return fail(errc::incompatible,
                "{}, which came with a newer build of the service while this one ran: use that "
                "build, or start this one again",
                of(number));
  const std::string& text = spec_->value_types[number - 1];
  MILLRACE_ASSIGN(codec::TypeShape written, codec::parse_shape(text));
  const codec::TypeShape now = codec::shape_of(*spec_->value);
  if (const auto why = codec::why_inconvertible(written, now))
    return fail(errc::incompatible, "{}, {}, and is to become {}: {}", of(number), text,
                codec::to_text(now), *why);
  return &converters_.try_emplace(number, std::move(written), *spec_->value).first->second;
}

}  // namespace millrace::stream::runtime
