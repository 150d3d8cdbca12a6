// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/part_positions.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "manifest/part_links.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::stream {

namespace {

using Part = Manifest::Part;
using Channel = Manifest::Channel;

class PartPositions {
 public:
  PartPositions(log::Log& log, std::string_view service, log::Transaction& transaction)
      : log_(log), service_(service), transaction_(transaction) {}

  /// `channel`: of the topic; null: none.
  Status begin(const Part& part, const std::string& source, const Channel* channel) {
    const bool is_behind_reset = channel != nullptr && !channel->from.empty();
    if (!is_behind_reset && !is_repartition(source)) return {};
    MILLRACE_ASSIGN(const auto topic, find_topic(source));
    if (!topic || (!is_behind_reset && !log::is_repartition(topic->spec))) return {};
    const auto partitions = partitions_of(*topic);
    MILLRACE_ASSIGN(const log::GroupId group, group_of(part));
    MILLRACE_ASSIGN(const auto positions, log_.positions(group, partitions));
    MILLRACE_ASSIGN(const auto starts, log_.start_offsets(partitions));
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      const bool has_from = is_behind_reset && i < channel->from.size();
      const log::Offset from = has_from ? log::offset(channel->from[i]) : log::Offset{};
      if (positions[i] && *positions[i] >= from) continue;
      transaction_.set_position(group, partitions[i], std::max(from, starts[i]));
    }
    return {};
  }

  Status end(const Part& part, const std::string& source) {
    if (!is_repartition(source)) return {};
    MILLRACE_ASSIGN(const auto topic, find_topic(source));
    if (!topic || !log::is_repartition(topic->spec)) return {};
    const auto partitions = partitions_of(*topic);
    MILLRACE_ASSIGN(const log::GroupId group, group_of(part));
    const auto positions = log_.positions(group, partitions);
    // A cluster has forgotten them.
    if (!positions && positions.error().is(log::errc::out_of_range)) return {};
    if (!positions) return fail(positions.error());
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      if ((*positions)[i]) transaction_.set_position(group, partitions[i], log::reads_no_more);
    }
    return {};
  }

 private:
  // No value: there is no such topic.
  Result<std::optional<log::Topic>> find_topic(const std::string& name) {
    Result<log::Topic> topic = log_.find_topic(name);
    if (topic) return std::optional(*std::move(topic));
    if (topic.error().is(log::errc::unknown_topic)) return std::optional<log::Topic>{};
    return fail(std::move(topic).error());
  }

  Result<log::GroupId> group_of(const Part& part) {
    return log_.group(std::string(service_) + "/" + part.name);
  }

  static std::vector<log::TopicPartition> partitions_of(const log::Topic& topic) {
    std::vector<log::TopicPartition> partitions;
    for (std::int32_t i = 0; i < topic.spec.partitions; ++i)
      partitions.push_back({topic.id, log::partition(i)});
    return partitions;
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

}  // namespace

Status add_beginnings(log::Log& log, std::string_view service, const Evolution& evolution,
                      log::Transaction& transaction) {
  PartPositions positions(log, service, transaction);
  const Manifest& manifest = evolution.manifest;
  for (const std::size_t part : evolution.fresh) {
    for (const std::string& source : manifest.parts[part].sources)
      MILLRACE_TRY(positions.begin(manifest.parts[part], source, channel_of(manifest, source)));
  }
  for (const auto& [part, source] : evolution.added_sources)
    MILLRACE_TRY(positions.begin(manifest.parts[part], source, channel_of(manifest, source)));
  return {};
}

Status add_ends(log::Log& log, std::string_view service, std::span<const Part> parts,
                log::Transaction& transaction) {
  PartPositions positions(log, service, transaction);
  for (const Part& part : parts) {
    if (part.state != "reset") continue;
    for (const std::string& source : part.sources)
      MILLRACE_TRY(positions.end(part, source));
    for (const std::string& source : part.former_sources.value_or(std::vector<std::string>{}))
      MILLRACE_TRY(positions.end(part, source));
  }
  return {};
}

}  // namespace millrace::stream
