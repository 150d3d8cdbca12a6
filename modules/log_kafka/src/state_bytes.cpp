// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The bytes of the records of `__millrace`; docs/formats/kafka.md.
#include <algorithm>

#include "millrace/base/format_version.hpp"
#include "millrace/log/errors.hpp"
#include "state.hpp"
#include "state_fields.hpp"

namespace millrace::log::kafka {
namespace {

// Bytes that begin with a larger one are nobody's records: text, for instance.
constexpr std::int64_t versions_to_come = 15;
// From here on kinds are notes: who does not know one passes over it. In every version a record
// begins with its version and its kind.
constexpr std::int64_t first_note = 64;
constexpr std::int64_t last_note = 127;
// The index of the first note among the records.
constexpr std::size_t first_note_index = 14;
constexpr std::int64_t ends_seen = first_note;

std::int64_t kind_of(const StateRecord& record) {
  const std::size_t index = record.index();
  return index < first_note_index
             ? static_cast<std::int64_t>(index)
             : first_note + static_cast<std::int64_t>(index - first_note_index);
}

void write(StateWriter& out, const TopicMade& record) { out.topic(record); }
void write(StateWriter& out, const GroupMade& record) { out.text(record.name); }
// Of a member that announces what all had before, not a byte: an earlier build reads the same.
void write(StateWriter& out, const Announcement& announced) {
  if (announced != Announcement{}) out.number(announced.folds).number(announced.session_ms);
}
void write(StateWriter& out, const Joined& record) {
  out.text(record.transactional_id).text(record.name);
  out.number(record.process.pid).text(record.process.host).tick(record.process.start_time);
  write(out, record.announced);
}
void write(StateWriter& out, const Subscribed& record) {
  out.number(record.member).number(record.group).texts(record.tasks);
}
void write(StateWriter& out, const Heartbeat& record) {
  write(out.number(record.member), record.announced);
}
void write(StateWriter& out, const Claimed& record) {
  out.number(record.subscription).text(record.task);
}
void write(StateWriter& out, const Released& record) {
  out.number(record.subscription).text(record.task).number(record.epoch);
}
void write(StateWriter& out, const Unsubscribed& record) { out.number(record.subscription); }
void write(StateWriter& out, const Ended& record) { out.number(record.member); }
void write(StateWriter& out, const Snapshot& record) {
  out.number(record.as_of).text(record.state);
}
void write(StateWriter& out, const Created& record) { out.text(record.creation); }
void write(StateWriter& out, const Positioned& record) {
  out.number(record.group).text(record.topic).number(record.partition);
}
void write(StateWriter& out, const PartitionsAdded& record) {
  out.text(record.topic).number(record.total);
}

void write(StateWriter& out, const TopicDeleted& record) { out.number(record.number); }

void write(StateWriter& out, const EndsSeen& record) {
  out.number(record.topic).tick(record.id.high).tick(record.id.low).number(record.wall_ms);
  out.number(static_cast<std::int64_t>(record.ends.size()));
  for (const std::int64_t end : record.ends)
    out.number(end);
}

EndsSeen read_ends_seen(StateReader& in) {
  EndsSeen seen;
  seen.topic = in.small();
  seen.id.high = in.tick();
  seen.id.low = in.tick();
  seen.wall_ms = in.number();
  for (std::size_t left = in.count(); left > 0; --left)
    seen.ends.push_back(in.number());
  return seen;
}

Announcement read_announcement(StateReader& in) {
  Announcement announced;
  if (!in.has_more()) return announced;
  announced.folds = in.number();
  announced.session_ms = in.number();
  return announced;
}

Heartbeat read_heartbeat(StateReader& in) {
  Heartbeat beat;
  beat.member = in.number();
  beat.announced = read_announcement(in);
  return beat;
}

Joined read_joined(StateReader& in) {
  Joined joined;
  joined.transactional_id = in.text();
  joined.name = in.text();
  joined.process.pid = in.number();
  joined.process.host = in.text();
  if (in.has_more()) joined.process.start_time = in.tick();
  joined.announced = read_announcement(in);
  return joined;
}

Positioned read_positioned(StateReader& in) {
  Positioned positioned;
  positioned.group = in.small();
  positioned.topic = in.text();
  positioned.partition = in.small();
  return positioned;
}

Error of_newer_build(std::int64_t version, std::int64_t highest) {
  return {errc::incompatible,
          newer_format("", "the record of the topic __millrace",
                       static_cast<std::uint64_t>(version), static_cast<std::uint64_t>(highest))};
}

Error corrupt(std::string_view what) {
  return {errc::corrupt, std::string(what) + "; somebody else wrote there, or it was damaged"};
}

}  // namespace

std::int64_t RecordVersions::of(const StateRecord& record) const {
  const auto* const snapshot = std::get_if<Snapshot>(&record);
  const bool has_deleted = snapshot != nullptr && snapshot->has_deleted;
  const auto found =
      written.find(has_deleted ? StateRecord(TopicDeleted{}).index() : record.index());
  return found == written.end() ? 1 : found->second;
}

bool is_unknown_note(std::string_view bytes) {
  StateReader in(bytes);
  const std::int64_t version = in.number();
  const std::int64_t kind = in.number();
  const bool known = version == 1 && kind == ends_seen;
  return in.good() && version >= 1 && version <= versions_to_come && kind >= first_note &&
         kind <= last_note && !known;
}

std::string encode_state_record(const StateRecord& record, const RecordVersions& versions) {
  StateWriter out;
  out.number(versions.of(record)).number(kind_of(record));
  std::visit([&](const auto& content) { write(out, content); }, record);
  return out.take();
}

Result<StateRecord> decode_state_record(std::string_view bytes, const RecordVersions& versions) {
  StateReader in(bytes);
  const std::int64_t version = in.number();
  const std::int64_t kind = in.number();
  if (in.good() && version > versions.folds && version <= versions_to_come)
    return fail(of_newer_build(version, versions.folds));
  if (version < 1 || version > versions.folds) return fail(corrupt("a record of no known version"));
  StateRecord record;
  switch (kind) {
    case 0:
      record = in.topic();
      break;
    case 1:
      record = GroupMade{in.text()};
      break;
    case 2:
      record = read_joined(in);
      break;
    case 3: {
      Subscribed subscribed;
      subscribed.member = in.number();
      subscribed.group = in.small();
      subscribed.tasks = in.texts();
      record = std::move(subscribed);
      break;
    }
    case 4:
      record = read_heartbeat(in);
      break;
    case 5: {
      Claimed claimed;
      claimed.subscription = in.number();
      claimed.task = in.text();
      record = std::move(claimed);
      break;
    }
    case 6: {
      Released released;
      released.subscription = in.number();
      released.task = in.text();
      released.epoch = in.number();
      record = std::move(released);
      break;
    }
    case 7:
      record = Unsubscribed{in.number()};
      break;
    case 8:
      record = Ended{in.number()};
      break;
    case 9: {
      Snapshot snapshot;
      snapshot.as_of = in.number();
      snapshot.state = in.text();
      record = std::move(snapshot);
      break;
    }
    case 10:
      record = Created{in.text()};
      break;
    case 11:
      record = read_positioned(in);
      break;
    case 12: {
      PartitionsAdded added;
      added.topic = in.text();
      added.total = in.small();
      record = std::move(added);
      break;
    }
    case 13:
      record = TopicDeleted{in.small()};
      break;
    case ends_seen:
      record = read_ends_seen(in);
      break;
    default:
      return fail(corrupt("a record of no known kind"));
  }
  if (!in.good()) return fail(corrupt("a record that ends early"));
  return record;
}

std::string State::encode() const {
  StateWriter out;
  out.number(static_cast<std::int64_t>(topics_.size()));
  for (const TopicMade& made : topics_)
    out.topic(made);
  out.number(static_cast<std::int64_t>(groups_.size()));
  for (const Group& group : groups_) {
    out.text(group.name).number(static_cast<std::int64_t>(group.tasks.size()));
    for (const auto& [name, task] : group.tasks)
      out.text(name).number(task.owner).number(task.epoch);
  }
  out.number(static_cast<std::int64_t>(members_.size()));
  for (const auto& [number, member] : members_) {
    out.number(number).text(member.transactional_id).text(member.name);
    out.number(member.process.pid).text(member.process.host);
  }
  out.number(static_cast<std::int64_t>(subscriptions_.size()));
  for (const auto& [number, subscription] : subscriptions_)
    out.number(number)
        .number(subscription.member)
        .number(subscription.group)
        .texts(subscription.tasks);
  out.text(creation_);
  for (const auto& [number, member] : members_)
    out.tick(member.process.start_time);
  for (const Group& group : groups_) {
    out.number(static_cast<std::int64_t>(group.positions.size()));
    for (const auto& [topic, partition] : group.positions)
      out.text(topic).number(partition);
  }
  const bool announced = std::any_of(members_.begin(), members_.end(), [](const auto& one) {
    return one.second.announced != Announcement{};
  });
  if (!announced && deleted_.empty() && ends_seen_.empty()) return out.take();
  for (const auto& [number, member] : members_)
    out.number(member.announced.folds).number(member.announced.session_ms);
  if (deleted_.empty() && ends_seen_.empty()) return out.take();
  out.number(static_cast<std::int64_t>(deleted_.size()));
  for (const std::int32_t number : deleted_)
    out.number(number);
  if (ends_seen_.empty()) return out.take();
  out.number(static_cast<std::int64_t>(ends_seen_.size()));
  for (const auto& [topic, all] : ends_seen_) {
    out.number(static_cast<std::int64_t>(all.size()));
    for (const EndsSeen& seen : all)
      write(out, seen);
  }
  return out.take();
}

Result<State> State::decode(std::string_view bytes) {
  StateReader in(bytes);
  State state;
  std::vector<TopicMade> topics;
  for (std::size_t left = in.count(); left > 0; --left)
    topics.push_back(in.topic());
  for (std::size_t left = in.count(); left > 0; --left) {
    Group group{in.text(), {}, {}};
    for (std::size_t tasks = in.count(); tasks > 0; --tasks) {
      std::string name = in.text();
      const std::int64_t owner = in.number();
      group.tasks.emplace(std::move(name), Task{owner, in.number()});
    }
    state.groups_.push_back(std::move(group));
  }
  for (std::size_t left = in.count(); left > 0; --left) {
    const std::int64_t number = in.number();
    Member member;
    member.transactional_id = in.text();
    member.name = in.text();
    member.process.pid = in.number();
    member.process.host = in.text();
    state.members_.emplace(number, std::move(member));
  }
  for (std::size_t left = in.count(); left > 0; --left) {
    const std::int64_t number = in.number();
    Subscription subscription;
    subscription.member = in.number();
    subscription.group = in.small();
    for (std::string& task : in.texts())
      subscription.tasks.insert(std::move(task));
    if (static_cast<std::size_t>(subscription.group) >= state.groups_.size())
      return fail(corrupt("a snapshot that does not fit together"));
    state.subscriptions_.emplace(number, std::move(subscription));
  }
  if (in.has_more()) {
    state.creation_ = in.text();
    for (auto& [number, member] : state.members_)
      member.process.start_time = in.tick();
  }
  if (in.has_more()) {
    for (Group& group : state.groups_) {
      for (std::size_t left = in.count(); left > 0; --left) {
        std::string topic = in.text();
        group.positions.emplace(std::move(topic), in.small());
      }
    }
  }
  if (in.has_more()) {
    for (auto& [number, member] : state.members_)
      member.announced = read_announcement(in);
  }
  std::set<std::int32_t> deleted;
  if (in.has_more()) {
    for (std::size_t left = in.count(); left > 0; --left)
      deleted.insert(in.small());
  }
  if (in.has_more()) {
    for (std::size_t left = in.count(); left > 0; --left) {
      for (std::size_t seen = in.count(); seen > 0; --seen)
        state.note_ends(read_ends_seen(in));
    }
  }
  if (!in.good()) return fail(corrupt("a snapshot that ends early"));
  // In their order, so that each gets its number.
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const auto number = static_cast<std::int32_t>(i);
    if (!deleted.contains(number)) state.topic_numbers_.emplace(topics[i].spec.name, number);
  }
  state.topics_ = std::move(topics);
  state.deleted_ = std::move(deleted);
  return state;
}

}  // namespace millrace::log::kafka
