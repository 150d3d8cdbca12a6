// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string>

#include "millrace/base/random.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "support/keeper.hpp"

namespace millrace::bench {

/// A handle on an embedded log on the real disk, with the housekeeping that a service would do. One
/// thread.
class RealLog {
 public:
  /// `service` owns the topics it makes; `durability` is `os` or `sync`, `settling` `on` or `off`.
  /// Ends the program when it cannot be opened.
  RealLog(const std::string& directory, const std::string& service, const std::string& durability,
          const std::string& settling = "off");

  [[nodiscard]] log::Log& operator*() const { return *log_; }
  [[nodiscard]] log::Log* operator->() const { return log_.get(); }
  [[nodiscard]] Random& random() { return random_; }
  /// An events topic of this service.
  [[nodiscard]] log::Topic make_topic(const std::string& name, std::int32_t partitions);

 private:
  SeededRandom random_;
  log::LogEnvironment environment_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<Keeper> keeper_;
};

}  // namespace millrace::bench
