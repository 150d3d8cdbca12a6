// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/part_positions.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "manifest/part_links.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/find_groups.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/stored_topic_id.hpp"

namespace millrace::stream {

namespace {

using Part = Manifest::Part;
using Channel = Manifest::Channel;
using Names = std::vector<std::string>;

// No value: there is no such topic.
Result<std::optional<log::Topic>> find_topic(log::Log& log, const std::string& name) {
  Result<log::Topic> topic = log.find_topic(name);
  if (topic) return std::optional(*std::move(topic));
  if (topic.error().is(log::errc::unknown_topic)) return std::optional<log::Topic>{};
  return fail(std::move(topic).error());
}

std::vector<log::TopicPartition> partitions_of(const log::Topic& topic) {
  std::vector<log::TopicPartition> partitions;
  for (std::int32_t i = 0; i < topic.spec.partitions; ++i)
    partitions.push_back({topic.id, log::partition(i)});
  return partitions;
}

// Whether the offsets that the channel has are of this topic: one of its name may have been deleted
// since. Manifests of earlier builds do not say which they mean.
Result<bool> is_of(const Channel& channel, log::Log& log, const log::Topic& topic) {
  if (channel.from_topic)
    return !log::is_another_topic(*channel.from_topic, log::stored_topic_id(log, topic.id));
  MILLRACE_ASSIGN(const auto ends, log.end_offsets(partitions_of(topic)));
  for (std::size_t i = 0; i < std::min(ends.size(), channel.from.size()); ++i) {
    if (ends[i].value < channel.from[i]) return false;
  }
  return true;
}

// Where parts that are new begin in the partitions; empty: at the first record, as no reset gave up
// any of it. `channel`: of the topic; null: it is none between parts.
Result<std::vector<log::Offset>> beginnings(const Channel* channel, log::Log& log,
                                            const log::Topic& topic) {
  std::vector<log::Offset> beginnings;
  if (channel == nullptr || channel->from.empty()) return beginnings;
  MILLRACE_ASSIGN(const bool known, is_of(*channel, log, topic));
  if (!known) return beginnings;
  for (const std::int64_t from : channel->from)
    beginnings.push_back(log::offset(from));
  beginnings.resize(static_cast<std::size_t>(topic.spec.partitions));
  return beginnings;
}

log::Offset beginning(const std::vector<log::Offset>& beginnings, std::size_t partition) {
  return beginnings.empty() ? log::Offset{} : beginnings[partition];
}

Names sources_of(const Part& part) {
  Names sources = part.sources;
  if (part.former_sources)
    sources.insert(sources.end(), part.former_sources->begin(), part.former_sources->end());
  return sources;
}

class PartPositions {
 public:
  PartPositions(log::Log& log, std::string_view service, log::Transaction& transaction)
      : log_(log), service_(service), transaction_(transaction) {}

  Status begin(const Part& part, const std::string& source, const Channel* channel) {
    if ((channel == nullptr || channel->from.empty()) && !holds(source)) return {};
    MILLRACE_ASSIGN(const auto topic, find_topic(log_, source));
    if (!topic) return {};
    MILLRACE_ASSIGN(const auto begins, beginnings(channel, log_, *topic));
    if (begins.empty() && !(holds(source) && log::is_repartition(topic->spec))) return {};
    const auto partitions = partitions_of(*topic);
    MILLRACE_ASSIGN(const log::GroupId group, group_of(part));
    MILLRACE_ASSIGN(const auto positions, log_.positions(group, partitions));
    MILLRACE_ASSIGN(const auto starts, log_.start_offsets(partitions));
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      const log::Offset from = beginning(begins, i);
      if (positions[i] && *positions[i] >= from) continue;
      transaction_.set_position(group, partitions[i], std::max(from, starts[i]));
    }
    return {};
  }

  Status hold(const Part& part, const std::string& source, const Channel* channel) {
    if (!holds(source)) return {};
    MILLRACE_ASSIGN(const auto topic, find_topic(log_, source));
    if (!topic || !log::is_repartition(topic->spec)) return {};
    const auto partitions = partitions_of(*topic);
    MILLRACE_ASSIGN(const auto begins, beginnings(channel, log_, *topic));
    MILLRACE_ASSIGN(const log::GroupId group, group_of(part));
    MILLRACE_ASSIGN(const auto starts, log_.start_offsets(partitions));
    for (std::size_t i = 0; i < partitions.size(); ++i)
      transaction_.set_position(group, partitions[i], std::max(beginning(begins, i), starts[i]));
    return {};
  }

  /// `live`: parts that may read it. Where one has no position yet, the old one still holds what
  /// that will read.
  Status end(const Part& part, const std::string& source, std::span<const Part> live) {
    if (!holds(source)) return {};
    MILLRACE_ASSIGN(const auto topic, find_topic(log_, source));
    if (!topic || !log::is_repartition(topic->spec)) return {};
    const auto partitions = partitions_of(*topic);
    MILLRACE_ASSIGN(const log::GroupId group, group_of(part));
    MILLRACE_ASSIGN(const auto positions, log_.positions(group, partitions));
    std::vector<bool> ends(partitions.size());
    for (std::size_t i = 0; i < partitions.size(); ++i)
      ends[i] = positions[i] && *positions[i] != log::reads_no_more;
    for (const Part& reader : live) {
      if (reader.state != "live" || !has(reader.sources, source)) continue;
      MILLRACE_ASSIGN(const log::GroupId readers, group_of(reader));
      MILLRACE_ASSIGN(const auto known, log_.positions(readers, partitions));
      for (std::size_t i = 0; i < partitions.size(); ++i)
        ends[i] = ends[i] && (known[i] || is_set(readers, partitions[i]));
    }
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      if (ends[i]) transaction_.set_position(group, partitions[i], log::reads_no_more);
    }
    return {};
  }

 private:
  // A log that forgets positions which are not committed again removes nothing because of them.
  [[nodiscard]] bool holds(const std::string& source) const {
    return is_repartition(source) && !log_.position_retention_ms();
  }

  [[nodiscard]] bool is_set(log::GroupId group, log::TopicPartition partition) const {
    const auto& set = transaction_.positions();
    return std::any_of(set.begin(), set.end(), [&](const log::Transaction::Position& position) {
      return position.group == group && position.partition == partition;
    });
  }

  Result<log::GroupId> group_of(const Part& part) {
    return log_.group(std::string(service_) + "/" + part.name);
  }

  log::Log& log_;
  std::string_view service_;
  log::Transaction& transaction_;
};

const Channel* channel_of(const Manifest& manifest, const std::string& topic) {
  const auto found = std::find_if(manifest.channels.begin(), manifest.channels.end(),
                                  [&](const Channel& channel) { return channel.topic == topic; });
  return found == manifest.channels.end() ? nullptr : &*found;
}

// Calls `look` with each part and source that are new to each other, and the channel or null.
template <class Look>
Status for_each_new(const Evolution& evolution, const Look& look) {
  const Manifest& manifest = evolution.manifest;
  for (const std::size_t part : evolution.fresh) {
    for (const std::string& source : manifest.parts[part].sources)
      MILLRACE_TRY(look(manifest.parts[part], source, channel_of(manifest, source)));
  }
  for (const auto& [part, source] : evolution.added_sources)
    MILLRACE_TRY(look(manifest.parts[part], source, channel_of(manifest, source)));
  return {};
}

// `store`: of a part to be rebuilt; empty: it has none.
std::string rebuild_advice(std::string_view service, const std::string& store) {
  return "Stop all instances and have what writes to it rebuilt: `millrace topology reset " +
         std::string(service) +
         (store.empty() ? "`, which rebuilds all parts" : " --store " + store + "`");
}

// The positions of a group by its name, which is not made known to the log for that.
Result<std::vector<log::GroupInfo::Position>> known_positions(log::Log& log,
                                                              const std::string& group) {
  MILLRACE_ASSIGN(auto found, log::find_groups(log, {.name = group}));
  return found.empty() ? std::vector<log::GroupInfo::Position>{}
                       : std::move(found.front().positions);
}

}  // namespace

Status check_beginnings(log::Log& log, std::string_view service, const Evolution& evolution) {
  if (log.position_retention_ms()) return {};
  const auto check = [&](const Part& part, const std::string& source,
                         const Channel* channel) -> Status {
    if (channel == nullptr || !is_repartition(source)) return {};
    MILLRACE_ASSIGN(const auto topic, find_topic(log, source));
    if (!topic) return {};
    MILLRACE_ASSIGN(const auto begins, beginnings(channel, log, *topic));
    MILLRACE_ASSIGN(const auto starts, log.start_offsets(partitions_of(*topic)));
    MILLRACE_ASSIGN(const auto known, known_positions(log, std::string(service) + "/" + part.name));
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const log::TopicPartition partition{topic->id, log::partition(static_cast<std::int32_t>(i))};
      const bool continues = std::any_of(known.begin(), known.end(), [&](const auto& position) {
        return position.partition == partition;
      });
      if (continues || starts[i] <= beginning(begins, i)) continue;
      return fail(errc::topology_changed,
                  "topic {} begins at offset {}: what was read from it before is removed, and part "
                  "{}, which is new to it, would lack that; nothing was changed. {}",
                  source, starts[i].value, part.name,
                  rebuild_advice(service, store_behind(evolution.manifest.parts, source)));
    }
    return {};
  };
  return for_each_new(evolution, check);
}

Status add_beginnings(log::Log& log, std::string_view service, const Evolution& evolution,
                      log::Transaction& transaction) {
  MILLRACE_TRY(check_beginnings(log, service, evolution));
  PartPositions positions(log, service, transaction);
  return for_each_new(evolution,
                      [&](const Part& part, const std::string& source, const Channel* channel) {
                        return positions.begin(part, source, channel);
                      });
}

Result<Names> raise_beginnings(log::Log& log, std::string_view service,
                               const Evolution& evolution) {
  Names missing;
  if (log.position_retention_ms()) return missing;
  log::Transaction transaction;
  const auto raise = [&](const Part& part, const std::string& source, const Channel*) -> Status {
    if (!is_repartition(source)) return {};
    MILLRACE_ASSIGN(const auto topic, find_topic(log, source));
    if (!topic) return {};
    const auto partitions = partitions_of(*topic);
    MILLRACE_ASSIGN(const log::GroupId group, log.group(std::string(service) + "/" + part.name));
    MILLRACE_ASSIGN(const auto positions, log.positions(group, partitions));
    MILLRACE_ASSIGN(const auto starts, log.start_offsets(partitions));
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      if (!positions[i] || *positions[i] >= starts[i]) continue;
      transaction.set_position(group, partitions[i], starts[i]);
      missing.push_back("part " + part.name + " lacks what topic " + source + ", partition " +
                        std::to_string(i) + ", had before offset " +
                        std::to_string(starts[i].value) + ": it was removed meanwhile. " +
                        rebuild_advice(service, first_store(part)));
    }
    return {};
  };
  MILLRACE_TRY(for_each_new(evolution, raise));
  if (!missing.empty()) MILLRACE_TRY(log.commit(transaction));
  return missing;
}

Result<Names> lost_repartitions(log::Log& log, const Manifest& manifest) {
  Names lost;
  for (const Channel& channel : manifest.channels) {
    if (!is_repartition(channel.topic)) continue;
    MILLRACE_ASSIGN(const auto topic, find_topic(log, channel.topic));
    if (!topic) continue;
    MILLRACE_ASSIGN(const auto begins, beginnings(&channel, log, *topic));
    MILLRACE_ASSIGN(const auto starts, log.start_offsets(partitions_of(*topic)));
    bool is_lost = false;
    for (std::size_t i = 0; i < starts.size(); ++i)
      is_lost |= starts[i] > beginning(begins, i);
    if (is_lost) lost.push_back(channel.topic);
  }
  return lost;
}

Status add_holds(log::Log& log, std::string_view service, const Manifest& manifest,
                 std::span<const Part> parts, log::Transaction& transaction) {
  PartPositions positions(log, service, transaction);
  for (const Part& part : parts) {
    // One that was not in the topology may not be in the next one either.
    if (part.state == "removed") continue;
    for (const std::string& source : sources_of(part))
      MILLRACE_TRY(positions.hold(part, source, channel_of(manifest, source)));
  }
  return {};
}

Status add_ends(log::Log& log, std::string_view service, std::span<const Part> parts,
                log::Transaction& transaction) {
  PartPositions positions(log, service, transaction);
  for (const Part& part : parts) {
    if (part.state != "reset") continue;
    for (const std::string& source : sources_of(part))
      MILLRACE_TRY(positions.end(part, source, parts));
  }
  return {};
}

}  // namespace millrace::stream
