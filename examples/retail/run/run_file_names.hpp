// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

// The names that a run and its programs give to files, by the directory that holds them. A file of
// another name was not written by a run.
namespace retail {

/// Directly in the directory of a run. Not the marker, nor the lock of the run at work.
[[nodiscard]] bool is_top_file(std::string_view name);
/// `stock`, `stock-2`: an instance of a service of the retail example.
[[nodiscard]] bool is_instance(std::string_view name);
/// In `run/`.
[[nodiscard]] bool is_run_file(std::string_view name);
/// In `logs/`.
[[nodiscard]] bool is_service_log(std::string_view name);
/// In `state/<service>/`: modules/service makes a directory for each instance, by its number.
[[nodiscard]] bool is_state_number(std::string_view name);
/// In `state/<service>/<number>/`: modules/stream writes `<sub-topology>-<partition>.snapshot`.
[[nodiscard]] bool is_snapshot(std::string_view name);
/// The same, and the lock of modules/service.
[[nodiscard]] bool is_state_file(std::string_view name);
/// In the directory of an embedded log, and in those that it holds: modules/log_embedded.
[[nodiscard]] bool is_log_file(std::string_view name);
[[nodiscard]] bool is_member_file(std::string_view name);
[[nodiscard]] bool is_index_file(std::string_view name);
[[nodiscard]] bool is_journal_file(std::string_view name);
/// In the directory of a cluster of tools/kafka.
[[nodiscard]] bool is_cluster_entry(std::string_view name);
/// In `settled` of a log: `<topic>-<partition>`, and what lies there.
[[nodiscard]] bool is_settled_partition(std::string_view name);
[[nodiscard]] bool is_settled_file(std::string_view name);

}  // namespace retail
