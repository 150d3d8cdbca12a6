// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

namespace millrace {

/// Bytes that grow without moving, so that a test file can be mapped and still be written past its
/// mapping. Fresh bytes are zero. Not thread-safe.
class StableBytes {
 public:
  /// Makes room for [0, size).
  void reserve(std::uint64_t size);
  void read(std::uint64_t offset, char* out, std::size_t size) const;
  /// There must be room.
  void write(std::uint64_t offset, std::string_view bytes);
  void fill_zero(std::uint64_t begin, std::uint64_t end);
  /// [0, size) in one piece that stays where it is; null when an earlier, smaller mapping forbids
  /// it.
  [[nodiscard]] char* map(std::uint64_t size);
  /// How much of the front was handed out by map().
  [[nodiscard]] std::uint64_t mapped() const { return mapped_; }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  struct Chunk {
    std::uint64_t begin;
    std::uint64_t size;
    std::unique_ptr<char[], Free> memory;
  };

  [[nodiscard]] std::uint64_t capacity() const {
    return chunks_.empty() ? 0 : chunks_.back().begin + chunks_.back().size;
  }
  void add_chunk(std::uint64_t size);
  template <class Visit>
  void for_range(std::uint64_t begin, std::uint64_t end, Visit visit) const;

  std::vector<Chunk> chunks_;
  std::uint64_t mapped_ = 0;
};

}  // namespace millrace
