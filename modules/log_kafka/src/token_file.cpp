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
