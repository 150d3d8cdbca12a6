// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "checkpoint.hpp"
#include "log_directory.hpp"
#include "millrace/base/file_system.hpp"
#include "version.hpp"

namespace millrace::log {

/// Makes the directory of a log without frames, whose first frame will lie at `begin`: what a log
/// would be whose earlier frames took no room. `begin` is a multiple of 8.
inline void begin_log(FileSystem& files, const std::string& directory, std::uint64_t begin) {
  embedded::Version version;
  version.log_id = 0xab;
  embedded::Checkpoint checkpoint;
  checkpoint.log_id = version.log_id;
  checkpoint.incarnation = 1;
  checkpoint.position = checkpoint.begin = begin;
  ASSERT_TRUE(files.create_directories(directory + embedded::names::journal));
  ASSERT_TRUE(embedded::write_version_file(files, directory, version));
  ASSERT_TRUE(
      write_file_atomically(files, directory + embedded::names::checkpoint, checkpoint.encode()));
}

}  // namespace millrace::log
