// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "marker.hpp"

#include <boost/describe/class.hpp>

#include "millrace/codec/describe.hpp"

namespace retail {

using millrace::fail;
using millrace::Result;
using millrace::Status;

BOOST_DESCRIBE_STRUCT(Marker, (), (format, stock, log))

namespace {

constexpr std::int64_t marker_format = 1;

Result<std::optional<Marker>> read_old_marker(millrace::FileSystem& files,
                                              const std::string& path) {
  MILLRACE_ASSIGN(const std::string text, millrace::read_file(files, path));
  for (const char* stock : {"ample", "scarce"}) {
    if (text == "stock=" + std::string(stock) + "\n") {
      return Marker{0, stock, ""};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<Marker>> read_marker(millrace::FileSystem& files,
                                          const std::string& directory) {
  const std::string path = directory + "/" + marker_file;
  const std::string old_path = directory + "/" + old_marker_file;
  if (!files.exists(path)) {
    if (!files.exists(old_path)) return std::nullopt;
    return read_old_marker(files, old_path);
  }
  MILLRACE_ASSIGN(const std::string text, millrace::read_file(files, path));
  auto marker = millrace::codec::from_json<Marker>(text);
  if (!marker || marker->format < 1) {
    return fail(millrace::errc::invalid_argument,
                path +
                    " cannot be read, so what the directory holds is not known: use another "
                    "--data");
  }
  if (marker->format > marker_format) {
    return fail(millrace::errc::invalid_argument,
                path + " has format " + std::to_string(marker->format) +
                    " and this ./run reads up to " + std::to_string(marker_format) +
                    ": use the version that wrote it, or another --data");
  }
  return *std::move(marker);
}

Status write_marker(millrace::FileSystem& files, const std::string& directory, Marker marker) {
  marker.format = marker_format;
  MILLRACE_TRY(millrace::write_file_atomically(files, directory + "/" + marker_file,
                                               millrace::codec::to_json(marker) + "\n"));
  const std::string old_path = directory + "/" + old_marker_file;
  if (!files.exists(old_path)) return {};
  MILLRACE_ASSIGN(const auto old, read_old_marker(files, old_path));
  return old ? files.remove(old_path) : Status{};
}

}  // namespace retail
