// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "run_file_reader.hpp"

#include <boost/describe/class.hpp>

#include "millrace/base/file_system.hpp"
#include "millrace/codec/describe.hpp"

namespace retail {

namespace {
struct RunFile {
  std::int64_t pid = 0;
  std::int64_t port = 0;
};
BOOST_DESCRIBE_STRUCT(RunFile, (), (pid, port))
}  // namespace

std::optional<std::uint16_t> read_port(const std::string& path, std::int64_t pid) {
  const auto text = millrace::read_file(millrace::real_file_system(), path);
  if (!text) return std::nullopt;
  const auto file = millrace::codec::from_json<RunFile>(*text);
  if (!file || file->pid != pid || file->port <= 0 || file->port > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(file->port);
}

}  // namespace retail
