// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy/manifest_offsets.hpp"

#include <cstdint>
#include <vector>

#include "millrace/log/stored_topic_id.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::connect {

namespace {

// In a text of JSON a quote within a string has a backslash before it, so this is a member's name.
constexpr std::string_view member = R"("from":)";
constexpr std::string_view topic_member = R"(,"from_topic":)";

std::string numbers(const std::vector<std::int64_t>& from) {
  std::string out = "[";
  for (const std::int64_t number : from)
    out.append(out.size() == 1 ? "" : ",").append(std::to_string(number));
  return out + "]";
}

bool is_of_deleted(const stream::Manifest::Channel& channel, const TopicNumbers& topics) {
  const auto now = topics.find(channel.topic);
  return channel.from_topic && now != topics.end() &&
         log::is_another_topic(*channel.from_topic, now->second);
}

std::vector<std::int64_t> translated(const stream::Manifest::Channel& channel, const OffsetMap& map,
                                     const TopicNumbers& topics) {
  if (is_of_deleted(channel, topics)) return std::vector<std::int64_t>(channel.from.size());
  std::vector<std::int64_t> from;
  for (std::size_t i = 0; i < channel.from.size(); ++i) {
    const auto found = map.find(PartitionName(channel.topic, static_cast<std::int32_t>(i)));
    from.push_back(
        found == map.end() ? 0 : found->second.copied_before(log::offset(channel.from[i])).value);
  }
  return from;
}

}  // namespace

bool is_manifest(const log::TopicSpec& topic) {
  return topic.kind == log::TopicKind::private_topic && topic.partitions == 1 &&
         topic.name == stream::manifest_topic(topic.owner);
}

Result<std::string> translate_manifest(std::string_view json, const OffsetMap& map,
                                       const TopicNumbers& topics) {
  const auto manifest = stream::parse_manifest(json);
  if (!manifest && manifest.error().is(stream::errc::incompatible)) return fail(manifest.error());
  // No service starts with it, there or here.
  if (!manifest) return std::string(json);
  std::string out;
  // Copies all before it.
  const auto pass_over = [&](const std::string& was, const std::string& topic) -> Status {
    const std::size_t at = json.find(was);
    if (at == std::string_view::npos)
      return fail(errc::invalid_argument,
                  "the manifest does not have the offsets of topic {} where they are expected",
                  topic);
    out.append(json.substr(0, at));
    json.remove_prefix(at + was.size());
    return {};
  };
  for (const stream::Manifest::Channel& channel : manifest->channels) {
    if (channel.from.empty()) continue;
    MILLRACE_TRY(pass_over(std::string(member).append(numbers(channel.from)), channel.topic));
    out.append(member).append(numbers(translated(channel, map, topics)));
    // The topic has another number in the copy.
    if (channel.from_topic)
      MILLRACE_TRY(pass_over(std::string(topic_member) + std::to_string(*channel.from_topic),
                             channel.topic));
  }
  return out.append(json);
}

}  // namespace millrace::connect
