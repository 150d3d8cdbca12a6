// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/base/error.hpp"

namespace retail {

/// As --log: an own Kafka cluster for the run.
inline constexpr const char* own_cluster_url = "kafka://auto";

/// A Kafka cluster of one broker for one run, brought by `tools/kafka`. It goes with this object,
/// or with the process, and with it all that was in it.
class OwnCluster {
 public:
  OwnCluster() = default;
  ~OwnCluster();
  OwnCluster(const OwnCluster&) = delete;
  OwnCluster& operator=(const OwnCluster&) = delete;

  /// Starts it in `directory` and waits until it is ready; its URL. `tool` is the path of
  /// `tools/kafka`. errc::io_error with what the tool says, also where no Kafka is to be had.
  [[nodiscard]] millrace::Result<std::string> start(const std::string& tool,
                                                    const std::string& directory);

 private:
  std::string tool_;
  std::string directory_;
};

}  // namespace retail
