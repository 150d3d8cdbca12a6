// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "embedded/embedded_log.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/errors.hpp"
#include "rules.hpp"

namespace millrace::log {

Result<std::unique_ptr<Log>> open_log(std::string_view url, LogEnvironment& environment,
                                      LogOptions options) {
  constexpr std::string_view file_scheme = "file:";
  if (!url.starts_with(file_scheme)) {
    const std::string_view hint = url.starts_with("kafka:") ? "; kafka:// is not built yet" : "";
    return fail(
        errc::invalid_argument,
        "'" + std::string(url) + "' is not the URL of a log: use file:DIR" + std::string(hint));
  }
  std::string directory(url.substr(file_scheme.size()));
  while (directory.size() > 1 && directory.ends_with('/')) {
    directory.pop_back();
  }
  if (directory.empty()) {
    return fail(errc::invalid_argument,
                "'" + std::string(url) + "' names no directory: use file:DIR");
  }
  if (options.member.empty()) {
    options.member = options.service;
  }
  if (options.service.size() > max_name_bytes || options.member.size() > max_name_bytes) {
    return fail(errc::invalid_argument, "names of services and members have at most " +
                                            std::to_string(max_name_bytes) + " bytes");
  }
  MILLRACE_ASSIGN(auto core, embedded::Core::open(directory, environment, std::move(options)));
  return std::make_unique<embedded::EmbeddedLog>(std::move(core));
}

}  // namespace millrace::log
