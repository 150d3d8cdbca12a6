// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "copy/offset_map.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/types.hpp"

namespace millrace::connect {

/// The topic in which a service keeps its manifest (docs/formats/manifest.md).
[[nodiscard]] bool is_manifest(const log::TopicSpec& topic);

/// log::stored_topic_id() of topics in the source, by name.
using TopicNumbers = std::map<std::string, std::uint64_t>;

/// A manifest for the copy of its log: where new parts begin in topics (`from` of a channel) is one
/// behind the copy of the last record before that, also when more is copied later. A partition of
/// which nothing is copied begins at 0, and so do those of a topic that has another number than the
/// offsets are of (`from_topic`): that one was deleted. This number is left out. All else, and what
/// is no manifest, stays as it is written. errc::incompatible of stream for a manifest of a newer
/// build.
[[nodiscard]] Result<std::string> translate_manifest(std::string_view json, const OffsetMap& map,
                                                     const TopicNumbers& topics);

}  // namespace millrace::connect
