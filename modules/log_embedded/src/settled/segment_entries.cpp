// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/segment_entries.hpp"

#include <utility>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint32_t commits_magic = 0x4d43524dU;  // "MRCM"
constexpr std::size_t sum_bytes = 4;
constexpr std::size_t generation_at = 24;

}  // namespace

std::optional<OffsetEntry> OffsetEntry::decode(const char* at, std::uint64_t number) {
  const OffsetEntry entry{load_big<std::int32_t>(at), load_big<std::int32_t>(at + 4)};
  // Offsets rise, and the batch at byte 0 has no entry.
  const bool may_be = entry.position > 0 && std::cmp_less_equal(number, entry.relative);
  return may_be ? std::optional(entry) : std::nullopt;
}

void OffsetEntry::append_to(std::string& out) const {
  ByteWriter(out, bytes).big(relative).big(position);
}

std::optional<TimeEntry> TimeEntry::decode(const char* at, std::uint64_t number) {
  const TimeEntry entry{load_big<std::int64_t>(at), load_big<std::int32_t>(at + 8)};
  // Offsets and times rise. Zeros may be the entry of a record of 1970; a search that does not use
  // it only reads more.
  const bool zeros = entry.time_ms == 0 && entry.relative == 0;
  const bool may_be = !zeros && std::cmp_less_equal(number, entry.relative) &&
                      std::cmp_less_equal(number, entry.time_ms);
  return may_be ? std::optional(entry) : std::nullopt;
}

void TimeEntry::append_to(std::string& out) const {
  ByteWriter(out, bytes).big(time_ms).big(relative);
}

std::optional<CommitEntry> CommitEntry::decode(const char* at, std::uint64_t /*number*/) {
  ByteReader in(std::string_view(at, bytes));
  CommitEntry entry;
  entry.base_offset.value = in.little<std::int64_t>();
  entry.position.position = in.little<std::uint64_t>();
  entry.append_time_ms = in.little<std::int64_t>();
  entry.position.era = in.little<std::uint32_t>();
  if (in.little<std::uint32_t>() != crc32c({at, bytes - sum_bytes})) {
    return std::nullopt;
  }
  return entry;
}

void CommitEntry::append_to(std::string& out) const {
  const std::size_t start = out.size();
  ByteWriter writer(out, bytes);
  writer.little(base_offset.value).little(position.position).little(append_time_ms);
  writer.little(position.era);
  writer.little(crc32c(writer.view().substr(start)));
}

std::string commits_header(Offset segment_base, Offset end_in_front, std::uint32_t generation) {
  std::string bytes;
  ByteWriter out(bytes, CommitEntry::header_bytes);
  out.little(commits_magic).little(commits_version);
  out.little(static_cast<std::uint16_t>(CommitEntry::header_bytes)).little(segment_base.value);
  out.little(end_in_front.value).little(generation);
  out.little(crc32c(out.view()));
  return out.take();
}

Result<Offset> read_commits_header(const std::string& path, std::string_view bytes,
                                   Offset segment_base) {
  if (bytes.size() < CommitEntry::header_bytes) {
    return corrupt_at(path, 0, "the file is shorter than its header");
  }
  bytes = bytes.substr(0, CommitEntry::header_bytes);
  ByteReader in(bytes);
  // Magic, version and checksum lie at the same offsets in every version.
  const bool ours = in.little<std::uint32_t>() == commits_magic;
  const auto version = in.little<std::uint16_t>();
  const auto sum = load_little<std::uint32_t>(bytes.data() + bytes.size() - sum_bytes);
  if (!ours || sum != crc32c(bytes.substr(0, bytes.size() - sum_bytes))) {
    return corrupt_at(path, 0, "the header makes no sense");
  }
  if (version > commits_version) {
    return fail(errc::incompatible,
                newer_format(path, "the commits file", version, commits_version));
  }
  in.little<std::uint16_t>();
  if (version != commits_version || in.little<std::int64_t>() != segment_base.value) {
    return corrupt_at(path, 0, "the header is that of another file");
  }
  return offset(in.little<std::int64_t>());
}

Result<CommitsHead> read_commits_head(File& file, const std::string& path, Offset segment_base) {
  char head[CommitEntry::header_bytes];
  MILLRACE_ASSIGN(const std::size_t got, file.read_at(0, head, sizeof head));
  MILLRACE_ASSIGN(const Offset end_in_front, read_commits_header(path, {head, got}, segment_base));
  return CommitsHead{end_in_front, load_little<std::uint32_t>(head + generation_at)};
}

}  // namespace millrace::log::embedded
