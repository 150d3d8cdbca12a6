// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "token_file.hpp"

#include <algorithm>

#include "millrace/base/text.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/net_tls/sasl.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::string_view white_space = " \t\r\n";

std::unexpected<Error> refuse(const std::string& why) {
  return fail(errc::invalid_argument, "kafka setting " + std::string(token_setting) + ": " + why);
}

Result<std::string> read_token(FileSystem& files, const std::string& path) {
  const auto text = read_file(files, path);
  if (!text) return refuse(text.error().message());
  const std::size_t begin = std::min(text->find_first_not_of(white_space), text->size());
  std::string token = text->substr(begin, text->find_last_not_of(white_space) + 1 - begin);
  if (!net::is_bearer_token(token)) {
    return refuse(path + " does not hold a bearer token (RFC 6750) and nothing else");
  }
  return token;
}

}  // namespace

Result<Settings> token_extensions(const Settings& settings) {
  Settings extensions;
  const std::string* const text = last_setting(settings, extensions_setting);
  for (std::string_view rest = text == nullptr ? "" : std::string_view(*text); !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    const std::size_t equals = std::min(one.find('='), one.size());
    const std::string_view value = one.substr(std::min(equals + 1, one.size()));
    if (!net::is_sasl_extension(one.substr(0, equals), value))
      return fail(errc::invalid_argument,
                  "kafka setting " + std::string(extensions_setting) + ": '" + std::string(one) +
                      "' is not NAME=VALUE with a name of letters other than auth (RFC 7628)");
    extensions.emplace_back(one.substr(0, equals), value);
  }
  return extensions;
}

std::optional<std::string> path_of_token(std::string_view url) {
  for (const std::string_view before : {"file://localhost/", "file:///", "file:/"}) {
    const std::string_view path = url.substr(std::min(before.size() - 1, url.size()));
    if (url.starts_with(before) && !path.starts_with("//")) return percent_decode(path);
  }
  return std::nullopt;
}

KafkaTokenSource token_file(const Settings& settings, FileSystem& files) {
  const std::string* const url = last_setting(settings, token_setting);
  if (url == nullptr) return {};
  const std::optional<std::string> path = path_of_token(*url);
  if (!path) return {};
  return [&files, path = *path] { return read_token(files, path); };
}

}  // namespace millrace::log::kafka
