// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace retail_test {

/// How long anything may take, a whole run too, before a test gives up on it. A guard against
/// hanging for ever; no test is faster for its being shorter.
inline constexpr std::chrono::milliseconds default_timeout{600'000};

/// A directory of the test's own, gone with it unless the test failed.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }

 private:
  std::string path_;
};

/// Polls until the condition holds; a failure says what was waited for.
[[nodiscard]] testing::AssertionResult await(std::string_view what,
                                             const std::function<bool()>& condition);

/// The file's text; empty when there is none.
[[nodiscard]] std::string read_text(const std::string& path);
void write_text(const std::string& path, std::string_view text);
/// Paths of the files in a directory whose names end so, sorted.
[[nodiscard]] std::vector<std::string> files_ending(const std::string& directory,
                                                    std::string_view ending);
/// Path of a program of this build.
[[nodiscard]] std::string program(std::string_view name);
[[nodiscard]] bool contains(std::string_view text, std::string_view part);
/// The URL of a log that is named by its directory, or by its URL.
[[nodiscard]] std::string url_of_log(const std::string& name);

}  // namespace retail_test
