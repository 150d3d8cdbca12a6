// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "feed_position.hpp"

#include <charconv>
#include <cstdint>
#include <string_view>

#include "millrace/base/file_system.hpp"
#include "millrace/codec/describe.hpp"

namespace retail {

using millrace::fail;
using millrace::Result;

namespace {

// Of the file. Builds before it wrote a decimal number and a line feed. LogSeen::lineage was added
// since; builds without it pass over it.
constexpr std::int64_t position_format = 2;

struct PositionFile {
  std::int64_t format = 0;
  std::int64_t answered = 0;
  LogSeen seen;
};
BOOST_DESCRIBE_STRUCT(PositionFile, (), (format, answered, seen))

std::optional<FeedPosition> read_old_form(std::string_view text) {
  std::size_t answered = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), answered);
  if (error != std::errc() || std::string_view(end, text.data() + text.size()) != "\n") {
    return std::nullopt;
  }
  return FeedPosition{answered};
}

}  // namespace

Result<std::optional<FeedPosition>> read_feed_position(const std::string& path) {
  if (!millrace::real_file_system().exists(path)) return std::nullopt;
  MILLRACE_ASSIGN(const std::string text, millrace::read_file(millrace::real_file_system(), path));
  if (auto old = read_old_form(text)) return old;
  const auto file = millrace::codec::from_json<PositionFile>(text);
  if (file && file->format > position_format) {
    return fail(millrace::errc::invalid_argument,
                path + " has format " + std::to_string(file->format) +
                    " and this ./run reads up to " + std::to_string(position_format) +
                    ": use the version that wrote it");
  }
  if (!file || file->format < 1 || file->answered < 0) {
    return fail(millrace::errc::invalid_argument,
                path +
                    " holds no position: remove it to send all requests again (each takes "
                    "effect once)");
  }
  return FeedPosition{static_cast<std::size_t>(file->answered), file->seen};
}

millrace::Status write_feed_position(const std::string& path, const FeedPosition& position) {
  const PositionFile file{position_format, static_cast<std::int64_t>(position.answered),
                          position.seen.value_or(LogSeen{})};
  return millrace::write_file_atomically(millrace::real_file_system(), path,
                                         millrace::codec::to_json(file) + "\n");
}

}  // namespace retail
