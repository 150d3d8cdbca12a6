// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "state.hpp"

#include <algorithm>
#include <utility>

namespace millrace::log::kafka {
namespace {

template <class... Fs>
struct Overload : Fs... {
  using Fs::operator()...;
};

}  // namespace

const TopicSpec* State::topic(std::string_view name, TopicId& id) const {
  const auto found = topic_numbers_.find(name);
  if (found == topic_numbers_.end()) return nullptr;
  id = TopicId{{found->second}};
  return &topics_[static_cast<std::size_t>(found->second)].spec;
}

std::int32_t State::group_number(std::string_view name) const {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].name == name) return static_cast<std::int32_t>(i);
  }
  return -1;
}

bool State::had_position(std::int32_t group, const std::string& topic,
                         std::int32_t partition) const {
  const auto number = static_cast<std::size_t>(group);
  return number < groups_.size() && groups_[number].positions.contains({topic, partition});
}

std::vector<State::Member> State::members_below(std::int64_t version) const {
  std::vector<Member> below;
  for (const auto& [number, member] : members_) {
    if (member.announced.folds < version) below.push_back(member);
  }
  return below;
}

void State::end_subscription(std::int64_t number) {
  const auto found = subscriptions_.find(number);
  if (found == subscriptions_.end()) return;
  for (auto& [name, task] : groups_[static_cast<std::size_t>(found->second.group)].tasks) {
    if (task.owner == number) task.owner = -1;
  }
  subscriptions_.erase(found);
}

// The cluster has no positions of groups there any more: none of them is missed.
void State::delete_topic(std::int32_t number) {
  if (number < 0 || std::cmp_greater_equal(number, topics_.size()) ||
      !deleted_.insert(number).second)
    return;
  const std::string& name = topics_[static_cast<std::size_t>(number)].spec.name;
  topic_numbers_.erase(name);
  ends_seen_.erase(number);
  for (Group& group : groups_)
    std::erase_if(group.positions, [&](const auto& position) { return position.first == name; });
}

const std::vector<EndsSeen>& State::ends_seen(std::int32_t topic) const {
  static const std::vector<EndsSeen> none;
  const auto found = ends_seen_.find(topic);
  return found == ends_seen_.end() ? none : found->second;
}

void State::note_ends(EndsSeen seen) {
  if (deleted_.contains(seen.topic)) return;
  std::vector<EndsSeen>& all = ends_seen_[seen.topic];
  if (all.size() == ends_seen_max) all.erase(all.begin());
  all.push_back(std::move(seen));
}

void State::apply(std::int64_t offset, const StateRecord& record) {
  const auto task_of = [&](std::int64_t subscription, const std::string& name) -> Task* {
    const auto found = subscriptions_.find(subscription);
    if (found == subscriptions_.end() || !found->second.tasks.contains(name)) return nullptr;
    return &groups_[static_cast<std::size_t>(found->second.group)].tasks[name];
  };
  std::visit(Overload{[&](const TopicMade& made) {
                        const auto number = static_cast<std::int32_t>(topics_.size());
                        if (topic_numbers_.emplace(made.spec.name, number).second)
                          topics_.push_back(made);
                      },
                      [&](const GroupMade& made) {
                        if (group_number(made.name) < 0) groups_.push_back({made.name, {}, {}});
                      },
                      [&](const Joined& joined) {
                        members_.emplace(offset, Member{joined.transactional_id, joined.name,
                                                        joined.process, joined.announced});
                      },
                      [&](const Subscribed& subscribed) {
                        const auto group = static_cast<std::size_t>(subscribed.group);
                        if (!members_.contains(subscribed.member) || group >= groups_.size())
                          return;
                        Subscription made{subscribed.member, subscribed.group, {}};
                        made.tasks.insert(subscribed.tasks.begin(), subscribed.tasks.end());
                        for (const std::string& task : made.tasks)
                          groups_[group].tasks.try_emplace(task);
                        subscriptions_.emplace(offset, std::move(made));
                      },
                      [&](const Heartbeat& beat) {
                        const auto found = members_.find(beat.member);
                        if (found != members_.end()) found->second.announced = beat.announced;
                      },
                      [&](const Claimed& claimed) {
                        Task* const task = task_of(claimed.subscription, claimed.task);
                        if (task == nullptr || task->owner >= 0) return;
                        *task = {claimed.subscription, offset};
                      },
                      [&](const Released& released) {
                        Task* const task = task_of(released.subscription, released.task);
                        if (task == nullptr || task->owner != released.subscription ||
                            task->epoch != released.epoch)
                          return;
                        task->owner = -1;
                      },
                      [&](const Unsubscribed& left) { end_subscription(left.subscription); },
                      [&](const Ended& ended) {
                        std::vector<std::int64_t> theirs;
                        for (const auto& [number, subscription] : subscriptions_) {
                          if (subscription.member == ended.member) theirs.push_back(number);
                        }
                        for (const std::int64_t number : theirs)
                          end_subscription(number);
                        members_.erase(ended.member);
                      },
                      [](const Snapshot&) {},
                      [&](const Created& created) {
                        if (creation_.empty()) creation_ = created.creation;
                      },
                      [&](const Positioned& positioned) {
                        const auto group = static_cast<std::size_t>(positioned.group);
                        if (group < groups_.size())
                          groups_[group].positions.emplace(positioned.topic, positioned.partition);
                      },
                      [&](const PartitionsAdded& added) {
                        const auto found = topic_numbers_.find(added.topic);
                        if (found == topic_numbers_.end()) return;
                        TopicSpec& spec = topics_[static_cast<std::size_t>(found->second)].spec;
                        spec.partitions = std::max(spec.partitions, added.total);
                      },
                      [&](const TopicDeleted& deleted) { delete_topic(deleted.number); },
                      [&](const EndsSeen& seen) {
                        if (std::cmp_less(seen.topic, topics_.size())) note_ends(seen);
                      }},
             record);
}

}  // namespace millrace::log::kafka
