// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <string_view>

#include "millrace/stream/plan.hpp"

namespace millrace::stream {

std::string_view to_string(NodeKind kind) {
  switch (kind) {
    case NodeKind::source:
      return "source";
    case NodeKind::table:
      return "table";
    case NodeKind::filter:
      return "filter";
    case NodeKind::filter_not:
      return "filter_not";
    case NodeKind::map:
      return "map";
    case NodeKind::map_values:
      return "map_values";
    case NodeKind::flat_map:
      return "flat_map";
    case NodeKind::flat_map_values:
      return "flat_map_values";
    case NodeKind::select_key:
      return "select_key";
    case NodeKind::peek:
      return "peek";
    case NodeKind::for_each:
      return "for_each";
    case NodeKind::merge_input:
      return "merge_input";
    case NodeKind::merge:
      return "merge";
    case NodeKind::to_table:
      return "to_table";
    case NodeKind::to_stream:
      return "to_stream";
    case NodeKind::join:
      return "join";
    case NodeKind::left_join:
      return "left_join";
    case NodeKind::count:
      return "count";
    case NodeKind::reduce:
      return "reduce";
    case NodeKind::aggregate:
      return "aggregate";
    case NodeKind::windowed_count:
      return "windowed_count";
    case NodeKind::windowed_reduce:
      return "windowed_reduce";
    case NodeKind::windowed_aggregate:
      return "windowed_aggregate";
    case NodeKind::emitter:
      return "emitter";
    case NodeKind::process:
      return "process";
    case NodeKind::to:
      return "to";
    case NodeKind::to_private:
      return "to_private";
    case NodeKind::repartition:
      return "repartition";
  }
  return "unknown";
}

}  // namespace millrace::stream
