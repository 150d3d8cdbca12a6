// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/change_at_rest.hpp"

#include <string>
#include <utility>

#include "millrace/log/find_groups.hpp"

namespace millrace::stream {

Status check_nobody_lives(log::Log& log, std::string_view service) {
  MILLRACE_ASSIGN(const auto groups, log::find_groups(log, {.positions = false}));
  for (const log::GroupInfo& group : groups) {
    if (!group.name.starts_with(std::string(service) + "/") || group.members.empty()) continue;
    return fail(millrace::errc::busy,
                "an instance of {} is a member of {} ({}): stop all instances of the service first",
                service, group.name, group.members.front().name);
  }
  return {};
}

Status write_at_rest(log::Log& log, std::string_view service, const Manifest& manifest,
                     log::Transaction transaction) {
  MILLRACE_ASSIGN(const bool written,
                  write_manifest(log, service, manifest, std::move(transaction)));
  if (!written)
    return fail(millrace::errc::busy,
                "an instance of {} changed its topology meanwhile: stop all instances", service);
  if (const Status alone = check_nobody_lives(log, service); !alone)
    return fail(alone.error().code(), "{}, then do it again: this one came while it started",
                alone.error().message());
  return {};
}

}  // namespace millrace::stream
