// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "harness.hpp"

#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <millrace_test_paths.hpp>
#include <sstream>
#include <stdexcept>

namespace retail_test {

namespace {

constexpr int poll_pause_ms = 10;

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string path = (std::filesystem::temp_directory_path() / "millrace-retail-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr)
    throw std::runtime_error("no temporary directory can be made at " + path);
  path_ = path;
}

TemporaryDirectory::~TemporaryDirectory() {
  if (testing::Test::HasFailure() && std::getenv("MILLRACE_KEEP") != nullptr) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

testing::AssertionResult await(std::string_view what, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + default_timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return testing::AssertionFailure() << "never came: " << what;
    }
    ::poll(nullptr, 0, poll_pause_ms);
  }
  return testing::AssertionSuccess();
}

std::string read_text(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  return text.str();
}

void write_text(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw std::runtime_error(path + " cannot be written");
}

std::vector<std::string> files_ending(const std::string& directory, std::string_view ending) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().string().ends_with(ending)) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string program(std::string_view name) {
  return std::string(millrace::test::bin_dir) + "/" + std::string(name);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string url_of_log(const std::string& name) {
  return name.find("://") == std::string::npos ? "file:" + name : name;
}

}  // namespace retail_test
