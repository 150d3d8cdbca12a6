// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/position_reader.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "millrace/log/errors.hpp"
#include "units.hpp"

namespace millrace::log::kafka::wire {
namespace {

// Of requests without a response, in the time that one call has by default.
constexpr std::int64_t tries = 3;

ResponseOutcome outcome_of(Code code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
      return ResponseOutcome::elsewhere;
    default:
      return is_passing(code) ? ResponseOutcome::again : ResponseOutcome::done;
  }
}

/// False when the deadline came first, or a broker that is too old.
bool run(CoordinatorLink& link, std::int64_t deadline_ns, Clock& clock) {
  for (;;) {
    const std::int64_t now_ns = clock.monotonic_ns();
    link.turn(now_ns, deadline_ns);
    if (link.is_done()) return true;
    if (now_ns >= deadline_ns || link.is_refused()) return false;
    Connection* const connection = link.connection();
    advance_all(std::span(&connection, connection == nullptr ? 0 : 1), -1,
                std::min(deadline_ns, link.due_ns(now_ns)), clock);
  }
}

Error failure_of(const PartitionError& error, const std::string& doing, const std::string& detail) {
  if (error.error == RD_KAFKA_RESP_ERR_NO_ERROR)
    return {errc::unavailable, doing + ": no answer in time" + detail};
  if (error.error == RD_KAFKA_RESP_ERR__BAD_MSG)
    return {errc::unavailable, doing + ": the response cannot be read" + detail};
  const std::string where = error.at.topic.empty()
                                ? ""
                                : ": " + error.at.topic + "/" + std::to_string(error.at.partition);
  return error_of(error.error, doing + where, detail);
}

}  // namespace

Result<std::vector<GroupPosition>> PositionReader::find(const std::string& group,
                                                        const PositionsWanted& wanted,
                                                        std::int64_t deadline_ns) {
  const std::string doing = "reading the positions of group " + group;
  FetchedPositions fetched;
  Link link = take(group);
  link.coordinator->ask(Api::offset_fetch, fetch_positions(group, wanted),
                        [&](Code error, std::string_view body) {
                          fetched = {};
                          fetched.error.error = error;
                          if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
                            auto read = read_positions(body, wanted);
                            fetched.error.error = RD_KAFKA_RESP_ERR__BAD_MSG;
                            if (read) fetched = *std::move(read);
                          }
                          return outcome_of(fetched.error.error);
                        });
  // A link on which something is under way still is not kept: nobody would read its response.
  if (!run(*link.coordinator, deadline_ns, config_.clock())) {
    const std::string& trouble = link.coordinator->trouble();
    if (link.coordinator->is_refused())
      return fail(errc::refused_by_broker, doing + ": " + trouble);
    return fail(failure_of(fetched.error, doing, trouble.empty() ? "" : "; " + trouble));
  }
  keep(std::move(link));
  if (fetched.error.error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return fail(failure_of(fetched.error, doing, ""));
  return std::move(fetched.positions);
}

PositionReader::Link PositionReader::take(const std::string& group) {
  {
    const MutexLock lock(mutex_);
    const auto found = std::ranges::find(kept_, group, &Link::group);
    if (found != kept_.end()) {
      Link link = std::move(*found);
      kept_.erase(found);
      return link;
    }
  }
  RetryPolicy policy = RetryPolicy::of(config_);
  // A request that is lost costs no whole call. To read twice does no harm.
  policy.answer_ns = std::min(policy.answer_ns, config_.timeout_ms() * ms / tries);
  return {group, std::make_unique<CoordinatorLink>(*config_.cluster(), config_.client_id(), group,
                                                   CoordinatorKind::group, policy)};
}

void PositionReader::keep(Link link) {
  link.used_ns = config_.clock().monotonic_ns();
  const MutexLock lock(mutex_);
  std::erase_if(kept_, [&](const Link& other) { return other.group == link.group; });
  if (kept_.size() == max_kept) kept_.erase(kept_.begin());
  kept_.push_back(std::move(link));
}

void PositionReader::drop_idle() {
  const std::int64_t now_ns = config_.clock().monotonic_ns();
  const MutexLock lock(mutex_);
  std::erase_if(kept_, [&](const Link& link) { return now_ns - link.used_ns >= idle_ns; });
}

std::size_t PositionReader::kept() const {
  const MutexLock lock(mutex_);
  return kept_.size();
}

}  // namespace millrace::log::kafka::wire
