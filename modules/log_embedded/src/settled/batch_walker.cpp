// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log_embedded/batch_walker.hpp"

#include <algorithm>
#include <utility>

#include "millrace/log/errors.hpp"

namespace millrace::log {
namespace {

constexpr std::uint64_t chunk_bytes = 64U << 10U;

}  // namespace

std::unexpected<Error> corrupt_at(const std::string& path, std::uint64_t position,
                                  std::string_view reason) {
  return fail(errc::corrupt,
              path + " at byte " + std::to_string(position) + ": " + std::string(reason));
}

BatchWalker::BatchWalker(File& file, std::string path, std::uint64_t position, std::uint64_t end,
                         std::uint64_t batch_bytes_max)
    : file_(file),
      path_(std::move(path)),
      position_(position),
      end_(end),
      batch_bytes_max_(batch_bytes_max),
      buffer_at_(position) {}

/// The next bytes of the file, so many or as many as there are.
Result<std::string_view> BatchWalker::look(std::uint64_t bytes) {
  const std::uint64_t wanted = std::min(bytes, end_ - position_);
  std::uint64_t skipped = position_ - buffer_at_;
  if (skipped > buffer_.size() || buffer_.size() - skipped < wanted) {
    const std::uint64_t size = std::min(std::max(wanted, chunk_bytes), end_ - position_);
    std::string fresh;
    fresh.resize_and_overwrite(size, [](char*, std::size_t count) { return count; });
    MILLRACE_ASSIGN(const std::size_t got, file_.read_at(position_, fresh.data(), size));
    fresh.resize(got);
    buffer_ = std::move(fresh);
    buffer_at_ = position_;
    skipped = 0;
  }
  return std::string_view(buffer_).substr(skipped, wanted);
}

Result<bool> BatchWalker::next(WalkedBatch& batch) {
  if (position_ >= end_) {
    return false;
  }
  MILLRACE_ASSIGN(const std::string_view head, look(record_batch_header_bytes));
  const auto header = read_batch_header(head);
  if (!header) {
    return corrupt_at(path_, position_, header.error().message());
  }
  // Before room is made for it: a damaged length may be anything.
  if (header->bytes > end_ - position_) {
    return corrupt_at(path_, position_,
                      "the batch at offset " + std::to_string(header->base_offset.value) + " has " +
                          std::to_string(header->bytes) + " bytes, the file has " +
                          std::to_string(end_ - position_) + " more");
  }
  if (header->bytes > batch_bytes_max_) {
    return fail(errc::too_large, path_ + " at byte " + std::to_string(position_) +
                                     ": the batch at offset " +
                                     std::to_string(header->base_offset.value) + " has " +
                                     std::to_string(header->bytes) + " bytes, more than the " +
                                     std::to_string(batch_bytes_max_) + " that are read at once");
  }
  MILLRACE_ASSIGN(const std::string_view bytes, look(header->bytes));
  if (bytes.size() < header->bytes) {
    return corrupt_at(path_, position_, "the file became shorter while it was read");
  }
  batch = {position_, bytes, *header, batch_checksum_holds(bytes)};
  position_ += header->bytes;
  return true;
}

}  // namespace millrace::log
