// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

// The names that a run and its programs give to files, by the directory that holds them. A file of
// another name was not written by a run. Those in the directory of its log:
// millrace/log_embedded/file_names.hpp.
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
/// In the directory of a cluster of tools/kafka.
[[nodiscard]] bool is_cluster_entry(std::string_view name);

}  // namespace retail
