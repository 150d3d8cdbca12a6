// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <iterator>

#include "embedded/embedded_log.hpp"
#include "embedded/read_only_log.hpp"
#include "kafka/kafka_log.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/errors.hpp"
#include "rules.hpp"

namespace millrace::log {
namespace {

/// Whether a log that cannot be opened for writing may still be read: nothing is wrong with its
/// journal, as far as is known.
bool reading_may_work(const Error& error) {
  const ErrorCode codes[] = {errc::no_permission, errc::disk_full,     millrace::errc::disk_full,
                             errc::failed_sync,   errc::stuck_holder,  errc::limit,
                             errc::incompatible,  millrace::errc::busy};
  return std::any_of(std::begin(codes), std::end(codes),
                     [&](ErrorCode code) { return error.is(code); });
}

}  // namespace

Result<std::unique_ptr<Log>> open_log(std::string_view url, LogEnvironment& environment,
                                      LogOptions options) {
  constexpr std::string_view file_scheme = "file:";
  constexpr std::string_view kafka_scheme = "kafka:";
  const bool on_kafka = url.starts_with(kafka_scheme);
  if (!on_kafka && !url.starts_with(file_scheme)) {
    return fail(errc::invalid_argument, "'" + std::string(url) +
                                            "' is not the URL of a log: use file:DIR or "
                                            "kafka://host:port");
  }
  if (options.member.empty()) {
    options.member = options.service;
  }
  if (options.service.size() > max_name_bytes || options.member.size() > max_name_bytes) {
    return fail(errc::invalid_argument, "names of services and members have at most " +
                                            std::to_string(max_name_bytes) + " bytes");
  }
  if (on_kafka) {
    return kafka::KafkaLog::open(url, environment, std::move(options));
  }
  std::string directory(url.substr(file_scheme.size()));
  while (directory.size() > 1 && directory.ends_with('/')) {
    directory.pop_back();
  }
  if (directory.empty()) {
    return fail(errc::invalid_argument,
                "'" + std::string(url) + "' names no directory: use file:DIR");
  }
  if (options.access == LogAccess::read_only) {
    return embedded::ReadOnlyLog::open(directory, environment, std::move(options),
                                       "it was opened for reading");
  }
  auto core = embedded::Core::open(directory, environment, options);
  if (core) {
    return std::make_unique<embedded::EmbeddedLog>(*std::move(core));
  }
  if (options.access == LogAccess::prefer_write && reading_may_work(core.error())) {
    options.access = LogAccess::read_only;
    auto reading = embedded::ReadOnlyLog::open(directory, environment, std::move(options),
                                               core.error().message());
    if (reading) {
      return reading;
    }
  }
  return fail(std::move(core).error());
}

}  // namespace millrace::log
