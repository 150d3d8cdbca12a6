// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settings_json.hpp"

namespace millrace::cli {

void settings_json(JsonWriter& json, const log::TopicSettings& settings) {
  json.begin_object();
  for (const log::NamedSetting& setting : log::named_settings(settings)) {
    json.key(setting.name);
    if (setting.name == "cleanup.policy") {
      json.value(setting.value);
    } else {
      json.raw(setting.value);
    }
  }
  json.end_object();
}

}  // namespace millrace::cli
