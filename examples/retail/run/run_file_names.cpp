// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "run_file_names.hpp"

#include <algorithm>
#include <array>

#include "marker.hpp"
#include "service_names.hpp"

namespace retail {
namespace {

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

// Of the first pass without a number.
bool is_of_pass(std::string_view name, std::string_view begin, std::string_view end) {
  if (!name.starts_with(begin) || !take_suffix(name, end)) {
    return false;
  }
  name.remove_prefix(begin.size());
  return name.empty() || (name.front() == '-' && is_number(name.substr(1)));
}

template <std::size_t Count>
bool is_one_of(std::string_view name, const std::array<std::string_view, Count>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool is_top_file(std::string_view name) {
  name = without_temporary(name);
  return name == old_marker_file || is_of_pass(name, "feed", ".position") ||
         is_of_pass(name, "summary", ".json");
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

bool is_cluster_entry(std::string_view name) {
  static constexpr std::array<std::string_view, 4> names{"state.json", "state.json.fresh", "tls",
                                                         "watcher.log"};
  constexpr std::string_view broker = "broker-";
  return is_one_of(name, names) ||
         (name.starts_with(broker) && is_number(name.substr(broker.size())));
}

}  // namespace retail
