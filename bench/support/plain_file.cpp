// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/plain_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "support/arguments.hpp"

namespace millrace::bench {

namespace {
constexpr std::uint64_t reserve_bytes = 64ULL << 20U;
}

PlainFile::PlainFile(const std::string& path)
    : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) give_up(path + ": cannot be opened");
}

PlainFile::~PlainFile() { ::close(descriptor_); }

void PlainFile::append(std::string_view bytes) {
  if (size_ + bytes.size() > room_) {
    if (::posix_fallocate(descriptor_, static_cast<off_t>(room_),
                          static_cast<off_t>(reserve_bytes)) != 0)
      give_up("no room for a plain file");
    room_ += reserve_bytes;
  }
  if (::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_)) !=
      static_cast<ssize_t>(bytes.size())) {
    give_up("a plain write failed");
  }
  size_ += bytes.size();
}

void PlainFile::sync() {
  if (::fdatasync(descriptor_) != 0) give_up("fdatasync failed");
}

void PlainFile::read(std::uint64_t offset, char* out, std::size_t bytes) const {
  if (::pread(descriptor_, out, bytes, static_cast<off_t>(offset)) != static_cast<ssize_t>(bytes))
    give_up("a plain read failed");
}

void write_plain(PlainFile& file, RecordSource& source, std::int64_t records, std::int64_t batch) {
  PlainBatch encoder;
  for (std::int64_t written = 0; written < records; written += batch) {
    encoder.clear();
    for (std::int64_t i = 0; i < batch; ++i)
      encoder.add(source.next());
    file.append(encoder.finish(written));
  }
}

}  // namespace millrace::bench
