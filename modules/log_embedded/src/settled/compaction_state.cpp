// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/compaction_state.hpp"

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_embedded/batch_walker.hpp"
#include "small_file.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint32_t state_magic = 0x5043524dU;  // "MRCP"
constexpr std::uint16_t state_version = 1;
constexpr std::uint16_t state_bytes = 40;
constexpr std::size_t state_sum_bytes = 4;

std::string path_in(const std::string& directory) { return directory + "/compaction"; }

}  // namespace

Result<CompactionState> load_compaction_state(FileSystem& files, const std::string& directory) {
  const std::string path = path_in(directory);
  const auto read = read_small_file(files, path);
  if (!read) {
    return read.error().is(errc::not_found) ? Result<CompactionState>(CompactionState())
                                            : fail(read.error());
  }
  // The checksum lies at the end in every version.
  const bool whole = read->size() >= state_bytes &&
                     load_little<std::uint32_t>(read->data() + read->size() - state_sum_bytes) ==
                         crc32c(std::string_view(*read).substr(0, read->size() - state_sum_bytes));
  ByteReader in(*read);
  if (!whole || in.little<std::uint32_t>() != state_magic) {
    return corrupt_at(path, 0, "the file is damaged; restore it from a backup");
  }
  const auto found = in.little<std::uint16_t>();
  if (found > state_version) {
    return fail(errc::incompatible,
                newer_format(path, "the state of the compaction", found, state_version));
  }
  if (found != state_version || in.little<std::uint16_t>() != state_bytes ||
      read->size() != state_bytes) {
    return corrupt_at(path, 4, "the file has another version or size; restore it from a backup");
  }
  CompactionState state;
  state.clean_until.value = in.little<std::int64_t>();
  state.tombstones_complete_from.value = in.little<std::int64_t>();
  state.next_horizon_ms = in.little<std::int64_t>();
  return state;
}

Status save_compaction_state(FileSystem& files, const std::string& directory,
                             const CompactionState& state) {
  std::string bytes;
  ByteWriter out(bytes, state_bytes);
  out.little(state_magic).little(state_version).little(state_bytes);
  out.little(state.clean_until.value).little(state.tombstones_complete_from.value);
  out.little(state.next_horizon_ms).little(std::uint32_t{0});
  out.little(crc32c(out.view()));
  return write_file_atomically(files, path_in(directory), out.view());
}

}  // namespace millrace::log::embedded
