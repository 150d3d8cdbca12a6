// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/headers.hpp"

#include <algorithm>

namespace millrace::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// RFC 9110, 5.6.2.
bool is_token(std::string_view name) {
  constexpr std::string_view symbols = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') ||
           symbols.find(c) != std::string_view::npos;
  });
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

Headers::Headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  for (const auto& [name, value] : fields) {
    add(name, value);
  }
}

std::uint32_t Headers::append_value(std::string_view value) {
  const auto at = static_cast<std::uint32_t>(text_.size());
  for (const char c : value) {
    const bool control = (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
    text_ += control ? ' ' : c;
  }
  return at;
}

void Headers::add(std::string_view name, std::string_view value) {
  if (!is_token(name)) {
    return;
  }
  Entry entry{};
  entry.name_at = static_cast<std::uint32_t>(text_.size());
  entry.name_size = static_cast<std::uint32_t>(name.size());
  text_ += name;
  entry.value_at = append_value(value);
  entry.value_size = static_cast<std::uint32_t>(value.size());
  entries_.push_back(entry);
}

void Headers::set(std::string_view name, std::string_view value) {
  for (Entry& entry : entries_) {
    if (equal_ignoring_case(text(entry.name_at, entry.name_size), name)) {
      // The old value stays behind in the buffer; headers are short-lived.
      entry.value_at = append_value(value);
      entry.value_size = static_cast<std::uint32_t>(value.size());
      return;
    }
  }
  add(name, value);
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.name_size == name.size() &&
        equal_ignoring_case(text(entry.name_at, entry.name_size), name)) {
      return text(entry.value_at, entry.value_size);
    }
  }
  return std::nullopt;
}

std::pair<std::string_view, std::string_view> Headers::at(std::size_t i) const {
  const Entry& entry = entries_.at(i);
  return {text(entry.name_at, entry.name_size), text(entry.value_at, entry.value_size)};
}

void Headers::clear() {
  text_.clear();
  entries_.clear();
}

}  // namespace millrace::http
