// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <functional>
#include <string>

#include "marker.hpp"
#include "millrace/base/error.hpp"
#include "options.hpp"

namespace retail {

/// The directories that DataDirectory::open() makes in the directory of a run.
inline constexpr std::array<const char*, 3> directories_of_run{"run", "logs", "state"};

/// The directory of a run, held by one `./run` at a time. It carries a marker; one that has
/// something in it and no marker belongs to somebody else and is left as it is. The lock ends with
/// the object or the process.
class DataDirectory {
 public:
  /// Takes a line for people, without its end.
  using Say = std::function<void(const std::string& line)>;

  /// Makes or opens the directory and takes its lock. With `fresh` it then deletes what runs wrote
  /// there, and says so before. errc::busy: another run works there, or uses its log.
  /// errc::invalid_argument: the directory is not one of a run, or was begun with other settings.
  [[nodiscard]] static millrace::Result<DataDirectory> open(const RunOptions& options,
                                                            const Say& say);
  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }
  [[nodiscard]] const Marker& marker() const { return marker_; }
  /// Whether something in it speaks of a log, which then must be there.
  [[nodiscard]] bool has_begun() const;
  /// Binds the directory to the log of that identity. One that was begun on another log continues
  /// here, and says so, when the log is not its own `log/`: it was moved. errc::invalid_argument:
  /// its own log was replaced.
  [[nodiscard]] millrace::Status bind(const std::string& log_identity, bool own_log,
                                      const Say& say);

 private:
  DataDirectory(std::string root, int lock) : root_(std::move(root)), lock_(lock) {}
  [[nodiscard]] millrace::Status adopt(const RunOptions& options, const Say& say);
  std::string root_;
  int lock_;
  Marker marker_;
};

}  // namespace retail
