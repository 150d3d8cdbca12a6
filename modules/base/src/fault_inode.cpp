// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "fault_inode.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace millrace {

void FaultInode::mark_dirty(std::uint64_t begin, std::uint64_t end) {
  dirty_begin = std::min(dirty_begin, begin);
  dirty_end = std::max(dirty_end, end);
}

void FaultInode::write(std::uint64_t offset, std::string_view bytes) {
  resize(std::max(size, offset + bytes.size()));
  cache.write(offset, bytes);
  mark_dirty(offset, offset + bytes.size());
}

SparseFile::Range FaultInode::data_from(std::uint64_t offset) const {
  constexpr std::uint64_t block = 4096;
  std::array<char, block> bytes{};
  const auto is_zero = [&](std::uint64_t at) {
    const std::uint64_t count = std::min(block, size - at);
    cache.read(at, bytes.data(), count);
    return std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count),
                       [](char byte) { return byte == 0; });
  };
  std::uint64_t begin = offset / block * block;
  while (begin < size && is_zero(begin)) {
    begin += block;
  }
  std::uint64_t end = begin;
  while (end < size && !is_zero(end)) {
    end += block;
  }
  return {std::min(std::max(begin, offset), size), std::min(std::max(end, offset), size)};
}

void FaultInode::resize(std::uint64_t to) {
  cache.reserve(to);
  if (to < size) {
    cache.fill_zero(to, size);
    mark_dirty(to, size);
  }
  size = to;
}

void FaultInode::sync() {
  // Stores into a mapping leave no trace, so all of a mapped part counts as written.
  if (cache.mapped() != 0) {
    mark_dirty(0, cache.mapped());
  }
  disk.resize(size, '\0');
  const std::uint64_t end = std::min(dirty_end, size);
  if (dirty_begin < end) {
    cache.read(dirty_begin, disk.data() + dirty_begin, end - dirty_begin);
  }
  forget_dirty();
}

bool FaultInode::lose_dirty() {
  if (dirty_begin >= dirty_end) {
    return false;
  }
  ++losses;
  forget_dirty();
  return true;
}

void FaultInode::flip_bit(std::uint64_t offset, int bit) {
  const auto flip = [bit](char byte) {
    return static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << bit));
  };
  char byte = 0;
  cache.read(offset, &byte, 1);
  byte = flip(byte);
  cache.write(offset, {&byte, 1});
  if (offset < disk.size()) {
    disk[offset] = flip(disk[offset]);
  }
}

void FaultInode::forget_dirty() {
  dirty_begin = UINT64_MAX;
  dirty_end = 0;
}

std::shared_ptr<FaultInode> FaultInode::after_power_loss(Random* random) const {
  constexpr std::uint64_t sector = 512;
  std::string survived = disk;
  if (random != nullptr) {
    survived.resize(std::max<std::uint64_t>(size, disk.size()), '\0');
    std::array<char, sector> now{};
    for (std::uint64_t at = 0; at < size; at += sector) {
      const std::uint64_t count = std::min(sector, size - at);
      cache.read(at, now.data(), count);
      if (std::memcmp(now.data(), survived.data() + at, count) != 0 && random->below(2) == 0) {
        std::memcpy(survived.data() + at, now.data(), count);
      }
    }
    const bool new_size_survives = size != disk.size() && random->below(2) == 0;
    survived.resize(new_size_survives ? size : disk.size());
  }
  auto found = std::make_shared<FaultInode>();
  found->resize(survived.size());
  found->cache.write(0, survived);
  found->disk = std::move(survived);
  return found;
}

}  // namespace millrace
