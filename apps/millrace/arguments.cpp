// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr std::size_t shown_columns_max = 60;
// As rules of the log have it for topics, groups and services.
// Names of targets that CMake and CTest make by themselves.
constexpr std::array<std::string_view, 9> targets_of_cmake{
    "all",     "clean",          "edit_cache",    "help", "install",
    "package", "package_source", "rebuild_cache", "test"};
constexpr std::size_t new_name_bytes_max = 64;
constexpr std::size_t name_bytes_max = 249;

std::string quoted(const std::string& value) {
  return "'" + cut_to_width(escaped(value), shown_columns_max) + "'";
}

std::string is_no(const std::string& value, const std::string& what) {
  return quoted(value) + " is not " + what;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool is_name(const std::string& value) {
  return !value.empty() && value.size() <= name_bytes_max && value != "." && value != ".." &&
         std::all_of(value.begin(), value.end(), is_name_character);
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::int64_t> number_in(const std::string& text, Bounds bounds) {
  if (!is_digits(text)) return std::nullopt;
  const auto number = parse_integer(text);
  if (!number || *number < bounds.min || *number > bounds.max) return std::nullopt;
  return number;
}

// As the Kafka backend reads it: the port is behind the last colon.
bool is_host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  return colon != std::string_view::npos && colon > 0 &&
         number_in(std::string(text.substr(colon + 1)), {1, 65'535}).has_value();
}

// Separated by commas; one may follow the last.
bool are_hosts(std::string_view text) {
  if (text.empty()) {
    return false;
  }
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (!is_host_and_port(text.substr(0, comma))) {
      return false;
    }
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return true;
}

}  // namespace

CLI::Option* add_number(CLI::App& command, const std::string& names, const std::string& help,
                        Bounds bounds, std::function<void(std::int64_t)> set) {
  CLI::Option* option = command.add_option_function<std::string>(
      names,
      [bounds, set = std::move(set)](const std::string& text) {
        if (const auto number = number_in(text, bounds)) set(*number);
      },
      help);
  return option->type_name("N")->check([bounds](const std::string& text) {
    return number_in(text, bounds)
               ? std::string()
               : is_no(text, "a whole number from " + std::to_string(bounds.min) + " to " +
                                 std::to_string(bounds.max));
  });
}

std::string check_log_url(const std::string& value) {
  constexpr std::string_view file = "file:";
  constexpr std::string_view kafka = "kafka://";
  bool good = false;
  if (value.starts_with(file)) {
    good = value.size() > file.size();
  } else if (value.starts_with(kafka)) {
    const std::string_view rest = std::string_view(value).substr(kafka.size());
    good = are_hosts(rest.substr(0, rest.find_first_of("/?")));
  } else {
    good = !value.empty() && value.find(':') == std::string::npos;
  }
  // What follows a '?' may be a password.
  return good ? std::string()
              : is_no(value.substr(0, value.find('?')),
                      "the URL of a log: file:DIR or kafka://HOST:PORT,...[/PREFIX]");
}

std::string check_topic(const std::string& value) {
  return is_name(value)
             ? std::string()
             : is_no(value, "the name of a topic: 1 to 249 letters, digits, '.', '_' or '-'");
}

std::string check_service(const std::string& value) {
  return is_name(value)
             ? std::string()
             : is_no(value, "the name of a service: 1 to 249 letters, digits, '.', '_' or '-'");
}

std::string check_new_service(const std::string& value) {
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const bool is_new = !value.empty() && value.size() <= new_name_bytes_max &&
                      is_lower(value.front()) &&
                      std::all_of(value.begin(), value.end(), [&](char c) {
                        return is_lower(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
                      });
  if (!is_new)
    return is_no(value,
                 "the name of a new service: a letter from a to z, then 0 to 9, '-', '_' too");
  const bool is_taken =
      std::find(targets_of_cmake.begin(), targets_of_cmake.end(), value) != targets_of_cmake.end();
  return is_taken ? is_no(value, "the name of a new service: CMake has a target of that name")
                  : std::string();
}

std::string check_group(const std::string& value) {
  return !value.empty() && value.size() <= name_bytes_max
             ? std::string()
             : is_no(value, "the name of a group or service: 1 to 249 bytes");
}

std::string check_partition_offset(const std::string& value) {
  return parse_partition_offset(value)
             ? std::string()
             : is_no(value, "a place: PARTITION:OFFSET, two whole numbers from 0, such as 1:17");
}

std::string check_not_empty(const std::string& value) {
  return value.empty() ? "'' is empty" : std::string();
}

std::string check_principal(const std::string& value) {
  const std::size_t colon = value.find(':');
  return colon != std::string::npos && colon > 0 && colon + 1 < value.size()
             ? std::string()
             : is_no(value, "a principal: TYPE:NAME, such as User:orders");
}

}  // namespace millrace::cli
