// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/claimed_parts.hpp"

#include <algorithm>
#include <cstdint>

#include "manifest/change_at_rest.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::stream {

namespace {

// An instance may begin with a part while the claims are held, once its inputs are there: how many
// partitions they will have is not known, and topics of a service mostly have as many as another.
Result<std::int32_t> most_partitions(log::Log& log) {
  MILLRACE_ASSIGN(const auto topics, log.topics());
  std::int32_t most = 0;
  for (const log::Topic& topic : topics)
    most = std::max(most, topic.spec.partitions);
  return most;
}

// How many tasks the part has; 0: none of its inputs is there yet.
Result<std::int32_t> tasks_of(log::Log& log, const Manifest::Part& part) {
  std::int32_t tasks = 0;
  for (const std::string& source : part.sources) {
    const Result<log::Topic> topic = log.find_topic(source);
    if (!topic && topic.error().is(log::errc::unknown_topic)) continue;
    if (!topic) return fail(topic.error());
    tasks = std::max(tasks, topic->spec.partitions);
  }
  return tasks;
}

}  // namespace

Result<ClaimedParts> ClaimedParts::claim(log::Log& log, const std::string& service,
                                         const Manifest& manifest,
                                         const std::set<std::size_t>& moved) {
  ClaimedParts claimed(log);
  for (std::size_t i = 0; i < manifest.parts.size(); ++i) {
    const Manifest::Part& part = manifest.parts[i];
    if (part.state != "live") continue;
    MILLRACE_ASSIGN(const bool all, claimed.add(service, part, moved.contains(i)));
    if (all) continue;
    // Without our own memberships: the check names the other member.
    claimed.memberships_.clear();
    MILLRACE_TRY(check_nobody_lives(log, service));
    return fail(millrace::errc::busy,
                "tasks of part {} of service {} were not free, and nothing was changed: stop all "
                "instances of the service, then try again",
                part.name, service);
  }
  return claimed;
}

// False: somebody else has a task.
Result<bool> ClaimedParts::add(const std::string& service, const Manifest::Part& part,
                               bool is_moved) {
  MILLRACE_ASSIGN(std::int32_t tasks, tasks_of(*log_, part));
  if (tasks == 0 && is_moved) {
    MILLRACE_ASSIGN(tasks, most_partitions(*log_));
  }
  if (tasks == 0) return true;
  std::vector<std::string> task_names;
  for (std::int32_t i = 0; i < tasks; ++i)
    task_names.push_back(part.name + "/" + std::to_string(i));
  MILLRACE_ASSIGN(const log::GroupId group, log_->group(service + "/" + part.name));
  MILLRACE_ASSIGN(auto membership, log_->join(group, std::move(task_names)));
  MILLRACE_ASSIGN(const log::MembershipChange change, membership->poll());
  memberships_.push_back(std::move(membership));
  claims_.insert(claims_.end(), change.granted.begin(), change.granted.end());
  return change.granted.size() == static_cast<std::size_t>(tasks);
}

Status ClaimedParts::keep() {
  MILLRACE_TRY(log_->maintain());
  for (const auto& membership : memberships_)
    MILLRACE_TRY(membership->heartbeat());
  return {};
}

void ClaimedParts::require(log::Transaction& transaction) const {
  for (const log::Claim& claim : claims_)
    transaction.require(claim);
}

}  // namespace millrace::stream
