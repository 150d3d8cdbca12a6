// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/fetch_link.hpp"

#include <algorithm>
#include <utility>

#include "millrace/log/errors.hpp"
#include "units.hpp"
#include "wire/cluster.hpp"
#include "wire/fetch_request.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr std::int64_t overdue_after_ns = 3'000 * ms;
constexpr std::int64_t quick_ns = 5 * ms;
constexpr std::int64_t first_back_off_ns = 50 * ms;
constexpr std::int64_t longest_back_off_ns = 1'000 * ms;

}  // namespace

FetchSettings FetchSettings::of(const ClientConfig& config) {
  const auto number = [&](std::string_view name, std::int64_t otherwise) {
    return static_cast<std::int32_t>(
        std::clamp<std::int64_t>(config.number(name, otherwise), 1, 1'000'000'000));
  };
  FetchSettings settings;
  settings.client_id = config.client_id();
  settings.clock = &config.clock();
  settings.security = config.cluster()->security();
  settings.connect_timeout_ns = config.cluster()->connect_timeout_ns();
  settings.wait_ms = number("fetch.wait.max.ms", settings.wait_ms);
  settings.bytes = number("fetch.max.bytes", settings.bytes);
  // Two names of one setting.
  settings.partition_bytes = number("max.partition.fetch.bytes", settings.partition_bytes);
  settings.partition_bytes = number("fetch.message.max.bytes", settings.partition_bytes);
  settings.timeout_ns = number("socket.timeout.ms", settings.timeout_ns / ms) * ms;
  return settings;
}

void FetchLink::ask(std::vector<FetchState*> states, std::int32_t wait_ms, std::int64_t now_ns) {
  if (connection_ == nullptr)
    connection_ =
        std::make_unique<Connection>(address_, settings_.client_id, *settings_.clock,
                                     settings_.security.get(), settings_.connect_timeout_ns);
  for (FetchState* const state : states)
    state->asked = true;
  asked_ = std::move(states);
  wait_ms_ = wait_ms;
  version_ = 0;
  send(now_ns);
}

void FetchLink::send(std::int64_t now_ns) {
  const bool have_ids = std::ranges::none_of(
      asked_, [](const FetchState* state) { return state->queue->at.id.is_none(); });
  sent_ns_ = now_ns;
  deadline_ns_ = now_ns + wait_ms_ * ms + settings_.timeout_ns;
  overdue_ns_ = now_ns + wait_ms_ * ms + overdue_after_ns;
  if (have_ids && !connection_->knows_versions()) return;
  version_ = have_ids && connection_->takes(Api::fetch, fetch_by_id) ? fetch_by_id : fetch_by_name;
  std::vector<FetchPartition> partitions;
  partitions.reserve(asked_.size());
  for (const FetchState* const state : asked_)
    partitions.push_back({&state->queue->at, state->position});
  connection_->send(Api::fetch, version_,
                    encode_fetch(partitions,
                                 {.wait_ms = wait_ms_,
                                  .bytes = settings_.bytes,
                                  .partition_bytes = settings_.partition_bytes},
                                 version_));
}

bool FetchLink::asks_at_end() const {
  return std::any_of(asked_.begin(), asked_.end(),
                     [](const FetchState* state) { return state->at_end; });
}

std::optional<FetchLink::Outcome> FetchLink::take(std::int64_t now_ns) {
  if (connection_ == nullptr) return std::nullopt;
  if (!asked_.empty() && version_ == 0 && connection_->knows_versions() &&
      !connection_->is_broken())
    send(now_ns);
  if (std::optional<Answer> answer = connection_->take(); answer && !asked_.empty())
    return finish(*std::move(answer), now_ns);
  if (!connection_->is_broken() && !asked_.empty() && now_ns >= deadline_ns_)
    connection_->break_off(
        {errc::unavailable, "the broker at " + address_.text() + " did not answer a fetch in " +
                                std::to_string((now_ns - sent_ns_) / ms) + " ms"});
  if (!connection_->is_broken()) return std::nullopt;
  if (asked_.empty()) {
    // Brokers close what was idle for some minutes.
    connection_.reset();
    return std::nullopt;
  }
  return finish(fail(connection_->error()), now_ns);
}

FetchLink::Outcome FetchLink::finish(Result<Answer> answer, std::int64_t now_ns) {
  for (FetchState* const state : asked_)
    state->asked = false;
  if (answer) {
    failures_ = 0;
  } else {
    connection_.reset();
    not_before_ns_ =
        now_ns + std::min(longest_back_off_ns, first_back_off_ns << std::min(failures_, 10U));
    ++failures_;
  }
  return {std::exchange(asked_, {}), version_, std::move(answer), now_ns - sent_ns_ < quick_ns};
}

bool FetchLink::is_overdue(std::int64_t now_ns) {
  if (asked_.empty() || now_ns < overdue_ns_) return false;
  overdue_ns_ = now_ns + overdue_after_ns;
  return true;
}

std::int64_t FetchLink::due_ns() const {
  if (asked_.empty()) return not_before_ns_;
  // Broken as soon as it was made, it would never wake anybody.
  if (connection_->is_broken()) return sent_ns_;
  return std::min(deadline_ns_, overdue_ns_);
}

}  // namespace millrace::log::kafka::wire
