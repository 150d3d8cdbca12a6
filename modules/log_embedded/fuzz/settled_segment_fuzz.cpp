// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/assert.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/fault_file_system.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "settled/compactor.hpp"
#include "settled/segment_reader.hpp"
#include "settled/segment_writer.hpp"

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::embedded;

namespace {

constexpr const char* directory = "/settled";

/// Takes a part off the front, of as many bytes as the two before it say.
std::string take(std::string_view& bytes) {
  if (bytes.size() < 2) {
    return {};
  }
  const std::size_t size =
      std::min<std::size_t>(load_big<std::uint16_t>(bytes.data()), bytes.size() - 2);
  std::string part(bytes.substr(2, size));
  bytes.remove_prefix(2 + size);
  return part;
}

/// Random bytes never match a checksum: these are made to, so that more than checksums is tried.
void seal(std::string& log, std::string& commits) {
  for (std::size_t at = 0; at < log.size();) {
    const auto header = read_batch_header(std::string_view(log).substr(at));
    if (!header || header->bytes > log.size() - at) {
      break;
    }
    const std::string_view covered =
        std::string_view(log).substr(at, header->bytes).substr(batch_layout::attributes);
    store_big(log.data() + at + batch_layout::crc, crc32c(covered));
    at += header->bytes;
  }
  for (std::size_t at = 0; at + CommitEntry::bytes <= commits.size(); at += CommitEntry::bytes) {
    store_little(commits.data() + at + 28, crc32c(std::string_view(commits).substr(at, 28)));
  }
  commits.insert(0, commits_header(offset(0), offset(0)));
}

void write(FaultFileSystem& files, SegmentFile file, std::string_view bytes,
           Offset base = offset(0)) {
  auto opened = files.open(segment_path(directory, base, file), OpenMode::create);
  MILLRACE_ASSERT(opened && (*opened)->write_at(0, bytes), "the file system takes it");
}

Status read_all(SegmentReader& reader, Offset end) {
  SettledBatches read;
  for (Offset from = reader.start().value_or(end); from < end;) {
    MILLRACE_TRY(reader.read(from, end, 1000, read));
    MILLRACE_ASSERT(read.next > from && read.next <= end,
                    "a read moves on, and not behind the end");
    from = read.next;
  }
  return {};
}

}  // namespace

// Whatever lies in the four files of a segment is read or refused; what can be read before `end`
// can still be read after a writer continued it there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string log = take(bytes);
  const std::string index = take(bytes);
  const std::string times = take(bytes);
  std::string commits(bytes);
  seal(log, commits);
  FaultFileSystem files;
  MILLRACE_ASSERT(files.create_directories(directory), "the file system takes it");
  write(files, SegmentFile::log, log);
  write(files, SegmentFile::index, index);
  write(files, SegmentFile::time_index, times);
  write(files, SegmentFile::commits, commits);

  auto reader = SegmentReader::open(files, directory);
  MILLRACE_ASSERT(reader, "the directory is there");
  const Offset end = offset(1 + static_cast<std::int64_t>(size % 64));
  const bool readable = read_all(*reader, end).has_value();
  for (const std::int64_t time : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1} << 40U}) {
    static_cast<void>(reader->find_time(time, end));
  }
  static_cast<void>(reader->find_position(size, end));

  auto writer = SegmentWriter::open(files, directory, end, {4096, 100});
  if (!writer) {
    return 0;
  }
  MILLRACE_ASSERT(writer->sync(), "the file system takes it");
  // A writer looks at the end alone: what is damaged in front of it stays so.
  MILLRACE_ASSERT(!readable || read_all(*reader, end), "a writer takes nothing away");
  if (!readable) {
    return 0;
  }
  // With an empty successor it can be compacted; what cannot be decoded is refused.
  for (const SegmentFile file : segment_files) {
    write(files, file, file == SegmentFile::commits ? commits_header(end, end) : "", end);
  }
  for (const std::int64_t now : {std::int64_t{0}, std::int64_t{1} << 41U}) {
    static_cast<void>(compact(files, directory, {}, end, now));
    MILLRACE_ASSERT(reader->refresh() && read_all(*reader, end), "and so does a compaction");
  }
  return 0;
}
