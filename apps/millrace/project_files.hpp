// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <span>
#include <string_view>

namespace millrace::cli {

/// A file of a new project: `project/<path>.in` of this directory, with `@NAME@` and other words to
/// be replaced.
struct ProjectFile {
  std::string_view path;
  std::string_view text;
};
/// All of them; they live as long as the program.
[[nodiscard]] std::span<const ProjectFile> project_files();

}  // namespace millrace::cli
