// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "lineages.hpp"

#include <algorithm>
#include <cstddef>

#include "checkpoint.hpp"
#include "log_directory.hpp"
#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"
#include "small_file.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint32_t lineages_magic = 0x4e494c5aU;  // "ZLIN"
constexpr std::uint32_t lineages_version = 1;
/// Of the lowest position, when no lineage ever began.
constexpr std::uint64_t no_position = ~std::uint64_t{0};

std::unexpected<Error> lost(LogPosition position, const std::string& what) {
  return fail(errc::out_of_range, "it saw the log up to position {}, and {}", position.position,
              what);
}

}  // namespace

std::vector<Lineages::One>::const_iterator Lineages::find(Lineage lineage) const {
  return std::find_if(ones_.begin(), ones_.end(),
                      [&](const One& one) { return one.id == lineage; });
}

void Lineages::begin(std::uint64_t number, std::uint64_t position) {
  Lineage id{{number}};
  while (id == Lineage{} || find(id) != ones_.end()) {
    ++id.value;
  }
  lowest_ = std::min(lowest_.value_or(position), position);
  ones_.push_back({id, position});
  if (ones_.size() > kept) {
    drop_one();
  }
}

void Lineages::begin_without_others(Lineage current, std::uint64_t position) {
  ones_ = {{current, position}};
  lowest_ = 0;  // nobody knows it
}

// What reads a log without a commit to it, as a copy does, names a lineage in which nothing was
// committed: so only old ones of these go first.
void Lineages::drop_one() {
  const auto newer = ones_.end() - static_cast<std::ptrdiff_t>(kept / 2);
  const auto idle = std::adjacent_find(ones_.begin(), newer, [](const One& one, const One& next) {
    return one.begin == next.begin;
  });
  ones_.erase(idle == newer ? ones_.begin() : idle);
}

void Lineages::keep_up_to(Lineage lineage) {
  const auto last = find(lineage);
  ones_.erase(last == ones_.end() ? ones_.cbegin() : last + 1, ones_.cend());
}

Status Lineages::check_past(Lineage lineage, LogPosition position, LogPosition end) const {
  if (position.position > end.position) {
    return lost(position, "the log ends at " + std::to_string(end.position));
  }
  if (lineage == Lineage{}) {
    return check_unnamed(position, end);
  }
  auto later = find(lineage);
  if (later == ones_.end()) {
    return fail(errc::unknown_lineage,
                "it saw a history that this log does not have: the log was put back from a backup, "
                "its file `lineages` or its checkpoint was lost, an older build opened it, or it "
                "was opened more than {} times since",
                kept / 2);
  }
  std::uint64_t held = end.position;
  for (++later; later != ones_.end(); ++later) {
    held = std::min(held, later->begin);
  }
  if (position.position > held) {
    return lost(position,
                "of that history the log holds what was before position " + std::to_string(held));
  }
  return {};
}

Status Lineages::check_unnamed(LogPosition position, LogPosition end) const {
  if (position.era > end.era) {
    return lost(position, "after opening " + std::to_string(position.era) +
                              " of it, and this is opening " + std::to_string(end.era));
  }
  // Without a current lineage an older build has opened the log, which knows the end alone.
  const std::uint64_t held = ones_.empty() ? end.position : lowest_.value_or(end.position);
  if (position.position > held) {
    return fail(errc::unknown_lineage,
                "it saw the log up to position {} and names no history, as files of older builds; "
                "what this log is known to have kept without one ends at position {}",
                position.position, held);
  }
  return {};
}

std::string Lineages::encode(std::uint64_t log_id) const {
  std::string bytes;
  ByteWriter out(bytes);
  out.little(lineages_magic).little(lineages_version).little(log_id);
  out.little(lowest_.value_or(no_position));
  out.little(static_cast<std::uint32_t>(ones_.size()));
  for (const One& one : ones_) {
    out.little(one.id.value).little(one.begin);
  }
  out.little(crc32c(out.view()));
  return out.take();
}

Result<Lineages> Lineages::decode(std::string_view bytes, std::uint64_t log_id) {
  const auto damaged = [] { return fail(errc::corrupt, "the lineages make no sense"); };
  constexpr std::size_t sum_bytes = 4;
  if (bytes.size() < sum_bytes) {
    return damaged();
  }
  const auto sum = load_little<std::uint32_t>(bytes.data() + bytes.size() - sum_bytes);
  bytes.remove_suffix(sum_bytes);
  ByteReader in(bytes);
  // Magic, version and checksum lie at the same offsets in every version.
  const bool ours = in.little<std::uint32_t>() == lineages_magic;
  const auto version = in.little<std::uint32_t>();
  if (!ours || crc32c(bytes) != sum || version < 1) {
    return damaged();
  }
  if (version > lineages_version) {
    return fail(errc::incompatible,
                newer_format("", "the file of lineages", version, lineages_version));
  }
  Lineages made;
  const auto log = in.little<std::uint64_t>();
  if (const auto lowest = in.little<std::uint64_t>(); lowest != no_position) {
    made.lowest_ = lowest;
  }
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    One one;
    one.id.value = in.little<std::uint64_t>();
    one.begin = in.little<std::uint64_t>();
    made.ones_.push_back(one);
  }
  if (!in.ok() || !in.at_end()) {
    return damaged();
  }
  return log == log_id ? made : Lineages{};
}

Result<Lineages> read_lineages(const LogDirectory& directory, Lineage current) {
  const std::string path = directory.path() + names::lineages;
  if (!directory.files().exists(path)) {
    return Lineages{};
  }
  const auto bytes = read_small_file(directory.files(), path);
  if (!bytes && !bytes.error().is(millrace::errc::io_error) && !bytes.error().is(errc::corrupt)) {
    return fail(bytes.error());
  }
  Result<Lineages> decoded =
      bytes ? Lineages::decode(*bytes, directory.log_id()) : Result<Lineages>(Lineages{});
  if (!decoded && decoded.error().is(errc::incompatible)) {
    return fail(errc::incompatible, "{}: {}", path, decoded.error().message());
  }
  Lineages found = decoded ? *std::move(decoded) : Lineages{};
  found.keep_up_to(current);
  return found;
}

Result<Lineages> read_joined_lineages(const LogDirectory& directory) {
  const Control& control = directory.control();
  const Lineage current{{control.lineage}};
  MILLRACE_ASSIGN(Lineages found, read_lineages(directory, current));
  if (found.current() != current) {
    found.begin_without_others(current, control.recovered);
  }
  return found;
}

Result<Lineages> read_running_lineages(const LogDirectory& directory) {
  const auto checkpoint = read_checkpoint(directory.files(), directory.path());
  // A running log does not need it; its next one takes the place of one that is damaged.
  if (!checkpoint && !checkpoint.error().is(errc::corrupt) &&
      !checkpoint.error().is(millrace::errc::io_error)) {
    return fail(checkpoint.error());
  }
  return read_lineages(directory, checkpoint && *checkpoint ? (*checkpoint)->lineage : Lineage{});
}

}  // namespace millrace::log::embedded
