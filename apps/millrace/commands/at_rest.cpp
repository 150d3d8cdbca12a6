// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "commands/at_rest.hpp"

namespace millrace::cli {

Result<log::Log*> log_at_rest(Session& session, const std::string& service) {
  MILLRACE_ASSIGN(log::Log * log, session.log());
  MILLRACE_TRY(session.await_empty_groups(
      *log, [&](const log::GroupInfo& group) { return group.name.starts_with(service + "/"); }));
  return log;
}

}  // namespace millrace::cli
