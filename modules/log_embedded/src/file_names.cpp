// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log_embedded/file_names.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "ballast.hpp"
#include "open_segments.hpp"
#include "settled/segment_files.hpp"
#include "unfinished.hpp"

namespace millrace::log {
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

/// What write_file_atomically() leaves when it is interrupted counts, too.
bool is_replaced(std::string_view name, std::string_view wanted) {
  take_suffix(name, ".tmp");
  return name == wanted;
}

bool is_top_file(std::string_view name) {
  constexpr std::array<std::string_view, 6> replaced{"version",  "checkpoint", "checkpoint.copy",
                                                     "lineages", "FAILED",     "FAILED.room"};
  return name == "LOCK" || name == "control" || embedded::is_ballast(name) ||
         std::any_of(replaced.begin(), replaced.end(),
                     [&](std::string_view one) { return is_replaced(name, one); });
}

bool is_journal_file(std::string_view name) {
  if (embedded::is_unfinished(name)) {
    return true;
  }
  std::string segment(name);
  if (take_suffix(name, ".batches")) {
    segment = std::string(name) + ".journal";
  }
  return embedded::OpenSegments::start_of(segment).has_value();
}

bool is_partition(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  return dash != std::string_view::npos && dash > 0 && is_number(name.substr(dash + 1));
}

/// Of a topic that was deleted: `<topic>-<partition>.<number>-delete`.
bool is_deleted_partition(std::string_view name) {
  if (!take_suffix(name, "-delete")) {
    return false;
  }
  const std::size_t dot = name.rfind('.');
  return dot != std::string_view::npos && is_number(name.substr(dot + 1)) &&
         is_partition(name.substr(0, dot));
}

bool is_settled_file(std::string_view name) {
  return is_replaced(name, "compaction") || embedded::parse_marked_name(name).has_value();
}

}  // namespace

bool is_log_file(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    return is_top_file(path);
  }
  const std::string_view directory = path.substr(0, slash);
  std::string_view name = path.substr(slash + 1);
  if (directory == "members") {
    return is_number(name);
  }
  if (directory == "index") {
    return take_suffix(name, ".blocks") && is_number(name);
  }
  if (directory == "journal") {
    return is_journal_file(name);
  }
  return directory != "settled" && is_log_directory(directory) && is_settled_file(name);
}

bool is_log_directory(std::string_view path) {
  constexpr std::array<std::string_view, 4> top{"members", "index", "journal", "settled"};
  if (std::find(top.begin(), top.end(), path) != top.end()) {
    return true;
  }
  constexpr std::string_view settled = "settled/";
  return path.starts_with(settled) && path.find('/', settled.size()) == std::string_view::npos &&
         (is_partition(path.substr(settled.size())) ||
          is_deleted_partition(path.substr(settled.size())));
}

}  // namespace millrace::log
