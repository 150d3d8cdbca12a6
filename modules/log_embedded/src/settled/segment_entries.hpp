// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log/types.hpp"
#include "millrace/log_embedded/batch_walker.hpp"

// Entries of the files beside a `.log`: docs/formats/settled_segment.md.
namespace millrace::log::embedded {

// decode() gives nullopt for bytes that no writer makes of the entry with that number, such as the
// zeros that a power cut leaves.

/// Of `.index`: where the batch with that last offset begins.
struct OffsetEntry {
  static constexpr std::size_t bytes = 8;
  static constexpr std::size_t header_bytes = 0;
  std::int32_t relative = 0;  ///< last offset of the batch - base offset of the segment
  std::int32_t position = 0;
  [[nodiscard]] static std::optional<OffsetEntry> decode(const char* at, std::uint64_t number);
  void append_to(std::string& out) const;
};

/// Of `.timeindex`: no record up to here is later, and a record of the batch with that last offset
/// has this time.
struct TimeEntry {
  static constexpr std::size_t bytes = 12;
  static constexpr std::size_t header_bytes = 0;
  std::int64_t time_ms = 0;
  std::int32_t relative = 0;
  [[nodiscard]] static std::optional<TimeEntry> decode(const char* at, std::uint64_t number);
  void append_to(std::string& out) const;
};

/// Of `.commits`: the commit that a batch was part of. The n-th entry is that of the n-th batch.
struct CommitEntry {
  static constexpr std::size_t bytes = 32;
  static constexpr std::size_t header_bytes = 32;
  static constexpr std::size_t end_in_front_at = 16;  ///< in the header
  Offset base_offset;                                 ///< of the batch
  LogPosition position;  ///< the end of the commit in the journal; `era` is its incarnation
  std::int64_t append_time_ms = 0;
  [[nodiscard]] static std::optional<CommitEntry> decode(const char* at, std::uint64_t number);
  void append_to(std::string& out) const;
  friend bool operator==(const CommitEntry&, const CommitEntry&) = default;
};

inline constexpr std::uint16_t commits_version = 1;
/// The beginning of a `.commits` file. `end_in_front` is where the segment in front ended, one past
/// its last offset; 0 without one. `generation` is how often the files of that base were replaced.
[[nodiscard]] std::string commits_header(Offset segment_base, Offset end_in_front,
                                         std::uint32_t generation = 0);
/// The `end_in_front` of a header. errc::corrupt, naming file and byte; errc::incompatible for a
/// newer version. `bytes` may be fewer than a header has.
[[nodiscard]] Result<Offset> read_commits_header(const std::string& path, std::string_view bytes,
                                                 Offset segment_base);
struct CommitsHead {
  Offset end_in_front;
  std::uint32_t generation = 0;
};
/// What the header of an open `.commits` file says; fails as read_commits_header().
[[nodiscard]] Result<CommitsHead> read_commits_head(File& file, const std::string& path,
                                                    Offset segment_base);

/// A file of entries of one size, opened for reading. Not thread-safe.
template <class Entry>
class EntryFile {
 public:
  /// A rest that is shorter than an entry does not count.
  [[nodiscard]] static Result<EntryFile> of(FileSystem& files, std::string path) {
    MILLRACE_ASSIGN(auto file, files.open(path, OpenMode::read));
    return of(std::move(file), std::move(path));
  }
  /// Of a file that is open; `path` is for error messages.
  [[nodiscard]] static Result<EntryFile> of(std::unique_ptr<File> file, std::string path) {
    MILLRACE_ASSIGN(const std::uint64_t size, file->size());
    const std::uint64_t count =
        size < Entry::header_bytes ? 0 : (size - Entry::header_bytes) / Entry::bytes;
    return EntryFile(std::move(file), std::move(path), count);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] File& file() const { return *file_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] static std::uint64_t byte_of(std::uint64_t number) {
    return Entry::header_bytes + number * Entry::bytes;
  }
  /// nullopt when there is no such entry, or it is none that a writer makes. Entries that are asked
  /// for one after the other are read 128 at a time.
  [[nodiscard]] Result<std::optional<Entry>> find(std::uint64_t number) const {
    if (number >= count_) {
      return std::nullopt;
    }
    const auto missing = [&] {
      return number < block_first_ || number - block_first_ >= block_.size() / Entry::bytes;
    };
    if (missing()) {
      MILLRACE_TRY(load(number));
    }
    last_ = number;
    if (missing()) {
      return std::nullopt;  // the file became shorter
    }
    return Entry::decode(block_.data() + (number - block_first_) * Entry::bytes, number);
  }
  /// errc::corrupt when there is no such entry, or it is none that a writer makes.
  [[nodiscard]] Result<Entry> at(std::uint64_t number) const {
    MILLRACE_ASSIGN(const auto entry, find(number));
    if (!entry) {
      return corrupt_at(path_, byte_of(number), "there is no entry, or it is damaged");
    }
    return *entry;
  }
  /// How many entries `is_before` holds for; they come first. Reads as many as the logarithm of
  /// count(). One that find() does not give counts as not before: a writer may be at work behind
  /// those that count, or a crash may have torn them.
  template <class Predicate>
  [[nodiscard]] Result<std::uint64_t> count_while(Predicate is_before) const {
    std::uint64_t low = 0;
    std::uint64_t high = count_;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      MILLRACE_ASSIGN(const auto entry, find(middle));
      if (entry && is_before(*entry)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

 private:
  EntryFile(std::unique_ptr<File> file, std::string path, std::uint64_t count)
      : file_(std::move(file)), path_(std::move(path)), count_(count) {}

  [[nodiscard]] Status load(std::uint64_t number) const {
    constexpr std::uint64_t ahead = 128;
    const std::uint64_t wanted =
        number == last_ + 1 ? std::min(ahead, count_ - number) : std::uint64_t{1};
    std::string block(wanted * Entry::bytes, '\0');
    MILLRACE_ASSIGN(const std::size_t got,
                    file_->read_at(byte_of(number), block.data(), block.size()));
    block.resize(got - got % Entry::bytes);
    block_ = std::move(block);
    block_first_ = number;
    return {};
  }

  std::unique_ptr<File> file_;
  std::string path_;
  std::uint64_t count_ = 0;
  mutable std::string block_;  // entries that were read
  mutable std::uint64_t block_first_ = 0;
  mutable std::uint64_t last_ = 0;  // that was asked for
};

}  // namespace millrace::log::embedded
