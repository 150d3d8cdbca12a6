// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/log.hpp"

#include <map>
#include <string>
#include <utility>

#include "millrace/base/mutex.hpp"
#include "millrace/log/backend/registry.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {
namespace {

struct Scheme {
  std::string_view example;
  LogOpener opener = nullptr;
};

// The backends that this program has registered.
class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  void add(std::string_view scheme, Scheme entry) {
    const MutexLock lock(mutex_);
    schemes_[scheme] = entry;
  }

  LogOpener find(std::string_view scheme) {
    const MutexLock lock(mutex_);
    const auto found = schemes_.find(scheme);
    return found == schemes_.end() ? nullptr : found->second.opener;
  }

  // The URLs that can be opened, for people.
  std::string examples() {
    const MutexLock lock(mutex_);
    std::string text;
    for (const auto& [name, scheme] : schemes_) {
      text += (text.empty() ? "" : " or ") + std::string(scheme.example);
    }
    return text;
  }

 private:
  Mutex mutex_;
  std::map<std::string_view, Scheme> schemes_ MILLRACE_GUARDED_BY(mutex_);
};

std::unexpected<Error> unsupported(std::string_view url) {
  const std::string known = Registry::instance().examples();
  const std::string remedy =
      known.empty() ? "this program has registered no backend: call register_embedded() or "
                      "register_kafka() before open_log()"
                    : "this program opens " + known;
  return fail(errc::unsupported_scheme, "'{}' is not the URL of a log that can be opened: {}", url,
              remedy);
}

}  // namespace

void register_scheme(std::string_view scheme, std::string_view example, LogOpener opener) {
  Registry::instance().add(scheme, {example, opener});
}

Result<std::unique_ptr<Log>> open_log(std::string_view url, LogEnvironment& environment,
                                      LogOptions options) {
  const std::size_t colon = url.find(':');
  const LogOpener opener =
      colon == std::string_view::npos ? nullptr : Registry::instance().find(url.substr(0, colon));
  if (opener == nullptr) {
    return unsupported(url);
  }
  return opener(url, environment, std::move(options));
}

Status Log::wait_visible(const Committed& /*committed*/, std::int64_t /*deadline_ns*/) {
  return {};
}

Lineage Log::lineage() { return {}; }

Status Log::check_past(Lineage lineage, LogPosition position) {
  const LogPosition end = committed();
  if (lineage != Lineage{}) {
    return fail(errc::unknown_lineage, "it saw a history that this log does not have");
  }
  if (position.is_beyond(end)) {
    return fail(errc::out_of_range, "it saw the log up to position {}, and the log ends at {}",
                position.position, end.position);
  }
  return {};
}

Result<std::vector<Offset>> Log::start_offsets(std::span<const TopicPartition> partitions) {
  std::vector<Offset> all(partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    MILLRACE_ASSIGN(all[i], start_offset(partitions[i]));
  }
  return all;
}

Result<std::vector<Offset>> Log::end_offsets(std::span<const TopicPartition> partitions) {
  std::vector<Offset> all(partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    MILLRACE_ASSIGN(all[i], end_offset(partitions[i]));
  }
  return all;
}

Result<std::vector<std::optional<Offset>>> Log::find_times(
    std::span<const TopicPartition> partitions, std::int64_t time_ms) {
  std::vector<std::optional<Offset>> all(partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    MILLRACE_ASSIGN(all[i], find_time(partitions[i], time_ms));
  }
  return all;
}

Result<std::vector<std::optional<Offset>>> Log::positions(
    GroupId group, std::span<const TopicPartition> partitions) {
  std::vector<std::optional<Offset>> all(partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    MILLRACE_ASSIGN(all[i], position(group, partitions[i]));
  }
  return all;
}

}  // namespace millrace::log
