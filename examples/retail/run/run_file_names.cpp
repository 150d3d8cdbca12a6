// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "run_file_names.hpp"

#include <algorithm>
#include <array>

#include "marker.hpp"
#include "service_names.hpp"

namespace retail {
namespace {

constexpr std::size_t journal_digits = 20;

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool take_suffix(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) {
    return false;
  }
  name.remove_suffix(suffix.size());
  return true;
}

// write_file_atomically() leaves this when it is interrupted.
std::string_view without_temporary(std::string_view name) {
  take_suffix(name, ".tmp");
  return name;
}

template <std::size_t Count>
bool is_one_of(std::string_view name, const std::array<std::string_view, Count>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// `next`, perhaps a dot and a number, and one of two suffixes: a segment that was made ahead.
bool is_made_ahead(std::string_view name) {
  if (!take_suffix(name, ".prepared") && !take_suffix(name, ".unfinished")) {
    return false;
  }
  return name == "next" || (name.starts_with("next.") && is_number(name.substr(5)));
}

}  // namespace

bool is_top_file(std::string_view name) {
  static constexpr std::array<std::string_view, 3> names{"feed.position", "summary.json",
                                                         old_marker_file};
  return is_one_of(without_temporary(name), names);
}

bool is_instance(std::string_view name) {
  return std::any_of(service_names.begin(), service_names.end(), [name](std::string_view service) {
    if (!name.starts_with(service)) {
      return false;
    }
    const std::string_view rest = name.substr(service.size());
    return rest.empty() || (rest.front() == '-' && is_number(rest.substr(1)));
  });
}

bool is_run_file(std::string_view name) {
  name = without_temporary(name);
  return take_suffix(name, ".json") && is_instance(name);
}

bool is_service_log(std::string_view name) {
  return take_suffix(name, ".log") && is_instance(name);
}

bool is_state_number(std::string_view name) { return is_number(name); }

bool is_state_file(std::string_view name) { return name == "lock" || is_snapshot(name); }

bool is_snapshot(std::string_view name) {
  take_suffix(name, ".new");
  if (!take_suffix(name, ".snapshot")) {
    return false;
  }
  const std::size_t dash = name.rfind('-');
  return dash != std::string_view::npos && dash > 0 && is_number(name.substr(dash + 1));
}

bool is_log_file(std::string_view name) {
  static constexpr std::array<std::string_view, 3> whole{"LOCK", "control", "ballast"};
  static constexpr std::array<std::string_view, 4> replaced{"version", "checkpoint", "FAILED",
                                                            "FAILED.room"};
  if (is_one_of(name, whole) || is_one_of(without_temporary(name), replaced)) {
    return true;
  }
  // A ballast that a member is making: `ballast.3.tmp`.
  constexpr std::string_view unfinished = "ballast.";
  return name.starts_with(unfinished) && take_suffix(name, ".tmp") &&
         is_number(name.substr(unfinished.size()));
}

bool is_member_file(std::string_view name) { return is_number(name); }

bool is_index_file(std::string_view name) {
  return take_suffix(name, ".blocks") && is_number(name);
}

bool is_journal_file(std::string_view name) {
  if (is_made_ahead(name)) {
    return true;
  }
  std::string_view index = without_temporary(name);
  if (take_suffix(index, ".batches")) {
    name = index;
  } else if (!take_suffix(name, ".journal")) {
    return false;
  }
  return name.size() == journal_digits && is_number(name);
}

bool is_cluster_entry(std::string_view name) {
  static constexpr std::array<std::string_view, 4> names{"state.json", "state.json.fresh", "tls",
                                                         "watcher.log"};
  constexpr std::string_view broker = "broker-";
  return is_one_of(name, names) ||
         (name.starts_with(broker) && is_number(name.substr(broker.size())));
}

bool is_settled_partition(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  return dash != std::string_view::npos && dash > 0 && is_number(name.substr(dash + 1));
}

bool is_settled_file(std::string_view name) {
  if (without_temporary(name) == "compaction") {
    return true;
  }
  for (const std::string_view mark : {".cleaned", ".swap", ".deleted"}) {
    if (take_suffix(name, mark)) {
      break;
    }
  }
  const bool of_segment = take_suffix(name, ".log") || take_suffix(name, ".timeindex") ||
                          take_suffix(name, ".index") || take_suffix(name, ".commits");
  return of_segment && name.size() == journal_digits && is_number(name);
}

}  // namespace retail
