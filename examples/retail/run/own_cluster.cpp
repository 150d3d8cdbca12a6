// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "own_cluster.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "millrace/base/shell_text.hpp"

namespace retail {
namespace {

struct Answer {
  int code = -1;
  std::string output;  // of both streams
};

Answer run_tool(const std::string& command) {
  Answer answer;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return answer;
  std::array<char, 4096> part{};
  for (std::size_t size = 0; (size = std::fread(part.data(), 1, part.size(), pipe)) > 0;)
    answer.output.append(part.data(), size);
  const int status = ::pclose(pipe);
  answer.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  while (answer.output.ends_with('\n'))
    answer.output.pop_back();
  return answer;
}

}  // namespace

millrace::Result<std::string> OwnCluster::start(const std::string& tool,
                                                const std::string& directory) {
  const Answer answer =
      run_tool(millrace::shell_word(tool) + " up --dir " + millrace::shell_word(directory) +
               " --watch-pid " + std::to_string(::getpid()));
  if (answer.code != 0)
    return millrace::fail(millrace::errc::io_error,
                          std::string(own_cluster_url) + ": " + answer.output);
  tool_ = tool;
  directory_ = directory;
  // What the tool has to say of its downloads comes before the address.
  return "kafka://" + answer.output.substr(answer.output.rfind('\n') + 1);
}

OwnCluster::~OwnCluster() {
  if (!tool_.empty())
    static_cast<void>(
        run_tool(millrace::shell_word(tool_) + " down --dir " + millrace::shell_word(directory_)));
}

}  // namespace retail
