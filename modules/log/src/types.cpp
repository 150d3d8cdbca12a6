// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/types.hpp"

namespace millrace::log {

std::string to_string(TopicKind kind) {
  switch (kind) {
    case TopicKind::events:
      return "events";
    case TopicKind::commands:
      return "commands";
    case TopicKind::private_topic:
      return "private";
  }
  return "unknown";
}

}  // namespace millrace::log
