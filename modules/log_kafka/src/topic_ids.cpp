// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topic_ids.hpp"

#include <algorithm>

#include "millrace/log/errors.hpp"
#include "units.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::int64_t look_interval_ns = 1'000 * ms;
// What a look may cost the call that happens to make it, and the pause after one that failed.
constexpr std::int64_t look_timeout_ns = 500 * ms;
constexpr std::int64_t failed_look_pause_ns = 5'000 * ms;
// Brokers that lag behind hear of a topic before that.
constexpr std::int64_t denied_ns = 5'000 * ms;
constexpr std::int64_t pause_ns = 20 * ms;

using wire::NamedTopic;

bool is_unknown(const NamedTopic& named) {
  return named.id.is_none() && named.error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

void pause(Clock& clock) { wire::advance_all({}, -1, clock.monotonic_ns() + pause_ns, clock); }

}  // namespace

Result<std::vector<net::Address>> TopicIds::brokers(bool again) {
  {
    const MutexLock lock(mutex_);
    if (!again && !brokers_.empty()) return brokers_;
  }
  MILLRACE_ASSIGN(auto found, config_.cluster()->all(static_cast<int>(look_timeout_ns / ms)));
  const MutexLock lock(mutex_);
  brokers_ = found;
  return found;
}

// Another broker at each call.
std::optional<std::vector<NamedTopic>> TopicIds::ask_one(const std::vector<std::string>& names,
                                                         std::int64_t deadline_ns) {
  const auto known = brokers(false);
  if (!known || known->empty()) return std::nullopt;
  std::size_t turn = 0;
  {
    const MutexLock lock(mutex_);
    turn = turn_++;
  }
  auto named = reader_.ask((*known)[turn % known->size()], names, deadline_ns);
  if (named) return *std::move(named);
  const MutexLock lock(mutex_);
  brokers_.clear();
  return std::nullopt;
}

// No value: a broker did not respond, or they do not agree yet.
Result<std::optional<TopicUuid>> TopicIds::ask_for(const std::string& name,
                                                   std::int64_t deadline_ns) {
  const std::vector<std::string> names{name};
  const auto one = ask_one(names, deadline_ns);
  if (!one) return std::nullopt;
  const NamedTopic& named = one->front();
  if (!named.id.is_none()) return named.id;
  if (named.error == RD_KAFKA_RESP_ERR_NO_ERROR) return TopicUuid{};
  if (!is_unknown(named)) {
    Error error = error_of(named.error, "looking for topic " + name);
    if (error.is(errc::unavailable)) return std::nullopt;
    return fail(std::move(error));
  }
  // This broker may not have heard of it yet.
  MILLRACE_ASSIGN(const auto all, brokers(true));
  bool all_deny = !all.empty();
  for (const auto& each : reader_.ask_each(all, names, deadline_ns)) {
    if (each && !each->front().id.is_none()) return each->front().id;
    all_deny = all_deny && each && is_unknown(each->front());
  }
  if (!all_deny) return std::nullopt;
  return fail(error_of(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "looking for topic " + name));
}

TopicUuid TopicIds::keep(const Number& number, TopicUuid id) {
  const MutexLock lock(mutex_);
  // Another thread may have been faster: a number means one topic.
  return bindings_.try_emplace(number.value, Binding{number.name, id}).first->second.id;
}

Result<TopicUuid> TopicIds::bind(const Number& number) {
  {
    const MutexLock lock(mutex_);
    const auto found = bindings_.find(number.value);
    if (found != bindings_.end()) return found->second.id;
  }
  MILLRACE_ASSIGN(const TopicUuid id, find(number.name));
  return keep(number, id);
}

Result<TopicUuid> TopicIds::find(const std::string& name) {
  Clock& clock = config_.clock();
  const std::int64_t deadline_ns = clock.monotonic_ns() + config_.timeout_ms() * ms;
  for (;;) {
    const auto found = ask_for(name, deadline_ns);
    if (found && *found) return **found;
    if (!found && !found.error().is(errc::unavailable)) return fail(found.error());
    if (clock.monotonic_ns() >= deadline_ns) {
      return fail(errc::unavailable, "looking for topic " + name + ": the brokers did not say in " +
                                         std::to_string(config_.timeout_ms()) +
                                         " ms whether there is one" +
                                         (found ? "" : ": " + found.error().message()));
    }
    pause(clock);
  }
}

void TopicIds::bind_all(const std::vector<Number>& numbers) {
  std::vector<Number> free;
  std::vector<std::string> names;
  {
    const MutexLock lock(mutex_);
    for (const Number& number : numbers) {
      if (bindings_.contains(number.value)) continue;
      free.push_back(number);
      names.push_back(number.name);
    }
  }
  if (free.empty()) return;
  const auto named = ask_one(names, config_.clock().monotonic_ns() + config_.timeout_ms() * ms);
  for (std::size_t i = 0; named && i < free.size(); ++i) {
    const NamedTopic& one = (*named)[i];
    if (one.id.is_none() && one.error != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    static_cast<void>(keep(free[i], one.id));
  }
}

void TopicIds::await_agreement(const std::string& name) {
  const std::vector<std::string> names{name};
  Clock& clock = config_.clock();
  const std::int64_t deadline_ns = clock.monotonic_ns() + denied_ns;
  while (clock.monotonic_ns() < deadline_ns) {
    const auto all = brokers(true);
    bool agree = all.has_value();
    std::optional<TopicUuid> id;
    for (const auto& each : reader_.ask_each(all.value_or(std::vector<net::Address>{}), names,
                                             clock.monotonic_ns() + look_timeout_ns)) {
      if (!each) continue;
      const NamedTopic& named = each->front();
      agree = agree && !is_unknown(named) && id.value_or(named.id) == named.id;
      id = named.id;
    }
    if (agree && id) return;
    pause(clock);
  }
}

Status TopicIds::await_absence(const std::string& name, const TopicUuid& id) {
  const std::vector<std::string> names{name};
  Clock& clock = config_.clock();
  const std::int64_t deadline_ns = clock.monotonic_ns() + config_.timeout_ms() * ms;
  while (clock.monotonic_ns() < deadline_ns) {
    MILLRACE_ASSIGN(const auto all, brokers(true));
    const auto named = reader_.ask_each(all, names, clock.monotonic_ns() + look_timeout_ns);
    const bool is_there = std::ranges::any_of(named, [&](const auto& each) {
      return each && (id.is_none() ? !is_unknown(each->front()) : each->front().id == id);
    });
    const bool is_named = std::ranges::any_of(named, [](const auto& each) { return !!each; });
    // A broker that has no ids does not say; the request has waited for the deletion.
    if (is_named && (id.is_none() || !is_there)) return {};
    pause(clock);
  }
  return fail(errc::unavailable, "topic " + name +
                                     " was deleted, but a broker still names it: delete it again "
                                     "in a while, which makes its name free");
}

bool TopicIds::is_deleted(std::int32_t number) const {
  const MutexLock lock(mutex_);
  const auto found = bindings_.find(number);
  return found != bindings_.end() && found->second.deleted;
}

Result<bool> TopicIds::look(const Number& number, bool now) {
  const std::int64_t now_ns = config_.clock().monotonic_ns();
  bool looks = false;
  {
    const MutexLock lock(mutex_);
    looks = !is_looking_ && (now || now_ns >= due_ns_);
    is_looking_ = is_looking_ || looks;
  }
  if (looks) look_at_all(now_ns);
  const MutexLock lock(mutex_);
  const auto found = bindings_.find(number.value);
  if (found == bindings_.end() || found->second.deleted) return found != bindings_.end();
  if (found->second.denied_since_ns < 0) return false;
  return fail(errc::unavailable,
              "topic " + number.name +
                  ": the brokers say that it was deleted, and this is not sure for some seconds");
}

// A broker that has written to a topic knows which one it is.
Status TopicIds::confirm_at_leaders(const std::vector<KafkaPartition>& partitions) {
  std::map<net::Address, std::map<std::string, TopicUuid>> by_leader;
  for (const KafkaPartition& at : partitions) {
    if (at.id.is_none()) continue;
    MILLRACE_ASSIGN(const net::Address leader, config_.cluster()->leader(at, config_.timeout_ms()));
    by_leader[leader][at.topic] = at.id;
  }
  const std::int64_t deadline_ns = config_.clock().monotonic_ns() + config_.timeout_ms() * ms;
  for (const auto& [leader, topics] : by_leader) {
    std::vector<std::string> names;
    for (const auto& [name, id] : topics)
      names.push_back(name);
    MILLRACE_ASSIGN(const auto named, reader_.ask(leader, names, deadline_ns));
    for (const NamedTopic& one : named) {
      // A broker of before 2.8 has no ids to tell.
      const bool says = !one.id.is_none() || one.error != RD_KAFKA_RESP_ERR_NO_ERROR;
      if (!says || one.id == topics.at(one.name)) continue;
      return fail(errc::unavailable, "topic " + one.name + " was deleted, or the broker at " +
                                         leader.text() + " does not know yet which one it is");
    }
  }
  return {};
}

void TopicIds::look_at_all(std::int64_t now_ns) {
  std::map<std::string, TopicUuid> ours;
  std::vector<std::string> names;
  {
    const MutexLock lock(mutex_);
    for (const auto& [number, binding] : bindings_) {
      if (!binding.deleted && !binding.id.is_none()) ours[binding.name] = binding.id;
    }
  }
  for (const auto& [name, id] : ours)
    names.push_back(name);
  std::set<std::string> confirmed;
  const auto confirm = [&](const std::vector<NamedTopic>& named) {
    for (const NamedTopic& one : named) {
      // Who may not see it does not know.
      const bool denies = !one.id.is_none() || is_unknown(one);
      if (!denies || one.id == ours[one.name]) confirmed.insert(one.name);
    }
  };
  bool is_sure = true;
  const auto one = names.empty() ? std::nullopt
                                 : ask_one(names, config_.clock().monotonic_ns() + look_timeout_ns);
  if (one) {
    confirm(*one);
    std::vector<std::string> denied;
    std::ranges::copy_if(names, std::back_inserter(denied),
                         [&](const auto& name) { return !confirmed.contains(name); });
    // One broker may be behind the others.
    if (!denied.empty()) {
      const auto all = brokers(true);
      is_sure = all && !all->empty();
      for (const auto& each : reader_.ask_each(all.value_or(std::vector<net::Address>{}), denied,
                                               config_.clock().monotonic_ns() + look_timeout_ns)) {
        if (each) confirm(*each);
        is_sure = is_sure && each;
      }
    }
    conclude(names, confirmed, is_sure, now_ns);
  }
  const MutexLock lock(mutex_);
  is_looking_ = false;
  due_ns_ = config_.clock().monotonic_ns() +
            (one || names.empty() ? look_interval_ns : failed_look_pause_ns);
}

// A topic that a silent broker may know is denied, but never deleted.
void TopicIds::conclude(const std::vector<std::string>& names,
                        const std::set<std::string>& confirmed, bool is_sure, std::int64_t now_ns) {
  const MutexLock lock(mutex_);
  for (auto& [number, binding] : bindings_) {
    if (binding.deleted || binding.id.is_none() ||
        std::ranges::find(names, binding.name) == names.end())
      continue;
    if (confirmed.contains(binding.name)) {
      binding.denied_since_ns = -1;
    } else if (binding.denied_since_ns < 0) {
      binding.denied_since_ns = now_ns;
    } else if (is_sure && now_ns - binding.denied_since_ns >= denied_ns) {
      binding.deleted = true;
    }
  }
}

}  // namespace millrace::log::kafka
