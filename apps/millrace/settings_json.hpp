// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/json_writer.hpp"
#include "millrace/log/topic_settings.hpp"

namespace millrace::cli {

/// Writes all settings as an object: the policy as text, the others as numbers.
void settings_json(JsonWriter& json, const log::TopicSettings& settings);

}  // namespace millrace::cli
