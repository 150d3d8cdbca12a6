// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "url.hpp"

#include <algorithm>
#include <charconv>

#include "millrace/base/text.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::string_view scheme = "kafka://";
constexpr std::size_t max_prefix_bytes = 100;

std::unexpected<Error> refuse(std::string_view url, std::string_view why) {
  // What follows '?' may hold a password.
  const std::string shown(url.substr(0, url.find('?')));
  return fail(errc::invalid_argument,
              "'" + shown + "': " + std::string(why) +
                  "; the form is kafka://host:port[,host:port...][/prefix][?setting=value&...]");
}

bool is_host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view port = text.substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc{} && end == port.data() + port.size() && number > 0 && number < 65'536;
}

bool is_name(std::string_view text) {
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
         std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

/// Takes the text up to the separator off the front.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return part;
}

}  // namespace

const std::string* last_setting(const Settings& settings, std::string_view name,
                                std::string_view alias) {
  const auto found = std::find_if(settings.rbegin(), settings.rend(), [&](const auto& one) {
    return one.first == name || (!alias.empty() && one.first == alias);
  });
  return found == settings.rend() ? nullptr : &found->second;
}

Result<Url> parse_url(std::string_view url) {
  if (!url.starts_with(scheme)) return refuse(url, "it is not a kafka:// URL");
  std::string_view rest = url.substr(scheme.size());
  Url parsed;
  const std::size_t question = rest.find('?');
  std::string_view settings =
      question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
  rest = rest.substr(0, question);
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view prefix = rest.substr(slash + 1);
    if (!is_name(prefix) || prefix.size() > max_prefix_bytes)
      return refuse(url, "the prefix takes up to 100 of [A-Za-z0-9._-]");
    if (!prefix.empty()) parsed.prefix = std::string(prefix) + ".";
    rest = rest.substr(0, slash);
  }
  parsed.bootstrap = rest;
  if (rest.empty()) return refuse(url, "it names no broker");
  while (!rest.empty()) {
    const std::string_view broker = take(rest, ',');
    if (!is_host_and_port(broker))
      return refuse(url, "'" + std::string(broker) + "' is not host:port");
  }
  while (!settings.empty()) {
    const std::string_view pair = take(settings, '&');
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return refuse(url, "a setting after '?' is not name=value");
    auto name = percent_decode(pair.substr(0, equals));
    auto value = percent_decode(pair.substr(equals + 1));
    if (!name || !value)
      return refuse(url, "a setting after '?' has a broken percent escape; write % as %25");
    parsed.settings.emplace_back(*std::move(name), *std::move(value));
  }
  return parsed;
}

Result<Settings> parse_settings(std::string_view text, std::string_view file) {
  Settings settings;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = trimmed(take(text, '\n'));
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return fail(errc::invalid_argument,
                  std::string(file) + ":" + std::to_string(number) + ": expected setting=value");
    settings.emplace_back(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
  }
  return settings;
}

}  // namespace millrace::log::kafka
