// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/file_system.hpp"
#include "url.hpp"

namespace millrace::log::kafka {

/// Names the file, as `file:///PATH`: the setting by which Kafka's own clients name it too.
inline constexpr std::string_view token_setting = "sasl.oauthbearer.token.endpoint.url";

/// What brokers get beside the token: `name=value,...`.
inline constexpr std::string_view extensions_setting = "sasl.oauthbearer.extensions";

/// The extensions of these settings. errc::invalid_argument for those that RFC 7628 does not take.
[[nodiscard]] Result<Settings> token_extensions(const Settings& settings);

/// The path in a URL `file:///PATH`, percent-decoded; nothing for another URL.
[[nodiscard]] std::optional<std::string> path_of_token(std::string_view url);

/// A source that reads the token of OAUTHBEARER from its file at each call; an empty one when no
/// setting names a file. What it cannot use is errc::invalid_argument and names setting and file.
/// The file system outlives it.
[[nodiscard]] KafkaTokenSource token_file(const Settings& settings, FileSystem& files);

}  // namespace millrace::log::kafka
