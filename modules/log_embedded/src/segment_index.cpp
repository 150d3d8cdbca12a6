// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "segment_index.hpp"

#include <cstddef>
#include <cstring>
#include <utility>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint32_t segment_index_magic = 0x5849535aU;  // "ZSIX"
constexpr std::uint32_t segment_index_version = 3;
constexpr std::size_t entry_bytes = offsetof(IndexEntry, latest_back);

}  // namespace

std::string SegmentIndex::encode() const {
  std::string bytes;
  ByteWriter out(bytes);
  out.little(segment_index_magic).little(segment_index_version).little(log_id);
  out.little(start).little(end).little(previous).little(checksum);
  out.little(static_cast<std::uint32_t>(partitions.size()));
  for (const Partition& partition : partitions) {
    out.little(partition.id.topic.value).little(partition.id.partition.value);
    out.little(static_cast<std::uint32_t>(partition.entries.size()));
    for (const IndexEntry& entry : partition.entries) {
      out.bytes({reinterpret_cast<const char*>(&entry), entry_bytes});
    }
  }
  out.little(crc32c(out.view()));
  return out.take();
}

Result<SegmentIndex> SegmentIndex::decode(std::string_view bytes) {
  const auto damaged = [] { return fail(errc::corrupt, "the index of a segment makes no sense"); };
  constexpr std::size_t sum_bytes = 4;
  if (bytes.size() < sum_bytes) {
    return damaged();
  }
  const auto sum = load_little<std::uint32_t>(bytes.data() + bytes.size() - sum_bytes);
  bytes.remove_suffix(sum_bytes);
  if (crc32c(bytes) != sum) {
    return damaged();
  }
  ByteReader in(bytes);
  const bool ours = in.little<std::uint32_t>() == segment_index_magic;
  if (!ours || in.little<std::uint32_t>() != segment_index_version) {
    return damaged();
  }
  SegmentIndex made;
  made.log_id = in.little<std::uint64_t>();
  made.start = in.little<std::uint64_t>();
  made.end = in.little<std::uint64_t>();
  made.previous = in.little<std::uint32_t>();
  made.checksum = in.little<std::uint32_t>();
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    Partition partition;
    partition.id.topic.value = in.little<std::int32_t>();
    partition.id.partition.value = in.little<std::int32_t>();
    const auto count = in.little<std::uint32_t>();
    const std::string_view entries = in.bytes(std::uint64_t{count} * entry_bytes);
    if (in.ok() && count > 0) {
      partition.entries.resize(count);
      for (std::size_t i = 0; i < count; ++i) {
        std::memcpy(reinterpret_cast<char*>(&partition.entries[i]),
                    entries.data() + i * entry_bytes, entry_bytes);
      }
      made.partitions.push_back(std::move(partition));
    }
  }
  if (!in.ok() || !in.at_end()) {
    return damaged();
  }
  return made;
}

}  // namespace millrace::log::embedded
