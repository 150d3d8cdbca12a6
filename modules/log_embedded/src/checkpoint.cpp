// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "checkpoint.hpp"

#include "log_directory.hpp"
#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint32_t checkpoint_magic = 0x504b435aU;  // "ZCKP"
constexpr std::uint32_t checkpoint_version = 2;
// Without `begin`: written for a journal that begins at 0, so that older builds read it.
constexpr std::uint32_t checkpoint_version_from_zero = 1;

}  // namespace

std::string Checkpoint::encode() const {
  std::string bytes;
  ByteWriter out(bytes);
  out.little(checkpoint_magic);
  out.little(begin == 0 ? checkpoint_version_from_zero : checkpoint_version).little(log_id);
  out.little(incarnation).little(checksum).little(position);
  if (begin != 0) {
    out.little(begin);
  }
  out.little(static_cast<std::uint32_t>(catalog.size()));
  for (const std::string& record : catalog) {
    out.little_text<std::uint16_t>(record);
  }
  out.little(static_cast<std::uint32_t>(next_offsets.size()));
  for (const std::int64_t next : next_offsets) {
    out.little(next);
  }
  out.little(static_cast<std::uint32_t>(positions.size()));
  for (const PositionRecord& row : positions) {
    out.little(row.group.value).little(row.place.topic.value).little(row.place.partition.value);
    out.little(row.next);
  }
  out.little(static_cast<std::uint32_t>(producers.size()));
  for (const Producer& producer : producers) {
    out.little_text<std::uint16_t>(producer.name);
    out.little(producer.state.sequence).little(producer.state.frame);
  }
  out.little(crc32c(out.view()));
  return out.take();
}

Result<Checkpoint> Checkpoint::decode(std::string_view bytes) {
  const auto damaged = [] { return fail(errc::corrupt, "the checkpoint makes no sense"); };
  constexpr std::size_t sum_bytes = 4;
  if (bytes.size() < sum_bytes) {
    return damaged();
  }
  const auto sum = load_little<std::uint32_t>(bytes.data() + bytes.size() - sum_bytes);
  bytes.remove_suffix(sum_bytes);
  ByteReader in(bytes);
  // Magic, version and checksum lie at the same places in every version.
  const bool ours = in.little<std::uint32_t>() == checkpoint_magic;
  const auto version = in.little<std::uint32_t>();
  if (!ours || crc32c(bytes) != sum) {
    return damaged();
  }
  if (version > checkpoint_version) {
    return fail(errc::incompatible,
                newer_format("", "the checkpoint", version, checkpoint_version));
  }
  if (version < checkpoint_version_from_zero) {
    return damaged();
  }
  Checkpoint made;
  made.log_id = in.little<std::uint64_t>();
  made.incarnation = in.little<std::uint32_t>();
  made.checksum = in.little<std::uint32_t>();
  made.position = in.little<std::uint64_t>();
  if (version > checkpoint_version_from_zero) {
    made.begin = in.little<std::uint64_t>();
  }
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    made.catalog.emplace_back(in.little_text<std::uint16_t>());
  }
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    made.next_offsets.push_back(in.little<std::int64_t>());
  }
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    PositionRecord row;
    row.group.value = in.little<std::int32_t>();
    row.place.topic.value = in.little<std::int32_t>();
    row.place.partition.value = in.little<std::int32_t>();
    row.next = in.little<std::int64_t>();
    made.positions.push_back(row);
  }
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    Producer producer;
    producer.name = in.little_text<std::uint16_t>();
    producer.state.sequence = in.little<std::int64_t>();
    producer.state.frame = in.little<std::uint64_t>();
    made.producers.push_back(std::move(producer));
  }
  if (!in.ok()) {
    return damaged();
  }
  return made;
}

Result<std::optional<Checkpoint>> read_checkpoint(FileSystem& files, const std::string& directory) {
  const std::string path = directory + names::checkpoint;
  if (!files.exists(path)) {
    return std::nullopt;
  }
  MILLRACE_ASSIGN(const std::string bytes, read_file(files, path));
  auto decoded = Checkpoint::decode(bytes);
  if (!decoded && decoded.error().is(errc::incompatible)) {
    return fail(errc::incompatible, path + ": " + decoded.error().message());
  }
  return decoded ? std::optional(*std::move(decoded)) : std::nullopt;
}

void Checkpoint::take_tables(const Locked&, const Control& control, std::size_t rows) {
  for (std::size_t i = 0; i < rows; ++i) {
    next_offsets.push_back(control.partitions[i].next_offset);
  }
  for (const PositionRow& row : control.positions) {
    if (row.used != 0) {
      positions.push_back({{{row.group}}, {{{row.topic}}, partition(row.partition)}, row.next});
    }
  }
  for (const ProducerRow& row : control.producers) {
    if (row.used != 0) {
      producers.push_back({std::string(row.name.view()), {row.sequence, row.frame}});
    }
  }
}

}  // namespace millrace::log::embedded
