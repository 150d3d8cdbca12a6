// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log_kafka/kafka.hpp"

namespace millrace::log::kafka {

using Settings = KafkaSettings;

/// `kafka://host:port,host:port[/prefix][?setting=value&...]`. The prefix stands before the names
/// of all topics, groups and transactional ids, so that several systems can share a cluster.
/// Settings are librdkafka's, percent-encoded; `config=FILE` reads lines `setting=value` from a
/// file, so that no secret needs to be in a URL.
struct Url {
  std::string bootstrap;
  std::string prefix;  ///< empty or ending in '.'
  Settings settings;
};

/// The value of a setting under either of its names: the last one given counts, as where they are
/// set one after the other. Null when there is none.
[[nodiscard]] const std::string* last_setting(const Settings& settings, std::string_view name,
                                              std::string_view alias = {});

/// errc::invalid_argument says what is wrong with it and shows the form.
[[nodiscard]] Result<Url> parse_url(std::string_view url);

/// The settings of a file with lines `setting=value`; empty lines and lines after '#' or '!' are
/// passed over. errc::invalid_argument with the line's number.
[[nodiscard]] Result<Settings> parse_settings(std::string_view text, std::string_view file);

}  // namespace millrace::log::kafka
