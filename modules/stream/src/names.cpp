// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "names.hpp"

#include <algorithm>

namespace millrace::stream {

namespace {

// Room for the service's name, the suffix and what a backend adds, within Kafka's 249.
constexpr std::size_t name_length_max = 200;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

}  // namespace

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= name_length_max &&
         std::all_of(name.begin(), name.end(), is_name_character);
}

std::string name_advice(std::string_view name) {
  return "'" + std::string(name) +
         "' becomes part of topics' names: use 1 to 200 of A-Z a-z 0-9 . _ -";
}

std::string short_name(std::string_view service, std::string_view topic) {
  if (topic.starts_with(std::string(service) + ".")) topic.remove_prefix(service.size() + 1);
  if (topic.ends_with(repartition_suffix)) topic.remove_suffix(repartition_suffix.size());
  return std::string(topic);
}

std::string system_changelog(std::string_view service, std::string_view part) {
  return std::string(service) + "." + std::string(part) + ".system.changelog";
}

std::string type_name(const codec::TypeInfo* type) {
  if (type == nullptr) return "?";
  switch (type->kind) {
    case codec::Kind::optional:
      return type_name(&type->element()) + "?";
    case codec::Kind::sequence:
      return "[" + type_name(&type->element()) + "]";
    case codec::Kind::map:
      return "{" + type_name(&type->element()) + "}";
    case codec::Kind::variant:
      break;
    default:
      return std::string(type->name);
  }
  std::string names;
  for (const auto alternative : type->alternatives) {
    if (!names.empty()) names += " | ";
    names += type_name(&alternative());
  }
  return names;
}

std::string type_names(const RecordType& type) {
  return type_name(type.key) + " -> " + type_name(type.value);
}

bool is_same_form(const RecordType& a, const RecordType& b) {
  return a.key_serde->name() == b.key_serde->name() && a.serde->name() == b.serde->name() &&
         a.envelope == b.envelope;
}

bool has_name_of_the_librarys(const codec::Serde& serde) {
  for (const auto* own : {&codec::json_serde(), &codec::binary_serde(), &codec::key_serde()}) {
    if (serde.name() == (*own)->name()) return &serde != own->get();
  }
  return false;
}

Status check_form(const RecordType& type, std::string_view topic) {
  const auto refused = [&](const std::string& why) {
    return fail(millrace::errc::invalid_argument, "topic {}: {}", topic, why);
  };
  for (const codec::SerdePtr& serde : {type.key_serde, type.serde}) {
    if (has_name_of_the_librarys(*serde))
      return refused("'" + std::string(serde->name()) +
                     "' is the name of a serde of the library: give yours another name");
  }
  if (type.envelope != codec::Envelope::cloud_events && type.serde->needs_event_type(*type.value))
    return refused(type_name(type.value) + " in " + std::string(type.serde->name()) +
                   " needs the envelope cloud_events");
  return {};
}

std::string form_text(const RecordType& type) {
  return std::string(type.key_serde->name())
      .append(" -> ")
      .append(type.serde->name())
      .append(", ")
      .append(codec::to_string(type.envelope));
}

}  // namespace millrace::stream
