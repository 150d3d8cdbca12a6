// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log_embedded/batch_walker.hpp"

#include <algorithm>
#include <utility>

#include "millrace/log/errors.hpp"

namespace millrace::log {
namespace {

constexpr std::uint64_t ahead_bytes_min = 64U << 10U;

}  // namespace

std::unexpected<Error> corrupt_at(const std::string& path, std::uint64_t position,
                                  std::string_view reason) {
  return fail(errc::corrupt, "{} at byte {}: {}", path, position, reason);
}

BatchWalker::BatchWalker(File& file, std::string path, std::uint64_t position, std::uint64_t end,
                         std::uint64_t batch_bytes_max)
    : file_(file),
      path_(std::move(path)),
      position_(position),
      end_(end),
      batch_bytes_max_(batch_bytes_max),
      ahead_bytes_(ahead_bytes_min),
      buffer_at_(position) {}

BatchWalker::BatchWalker(File& file, std::string path, std::uint64_t position, std::uint64_t end,
                         std::string& memory, std::uint64_t ahead_bytes)
    : BatchWalker(file, std::move(path), position, end) {
  ahead_bytes_ = std::max(ahead_bytes, ahead_bytes_);
  memory_ = &memory;
  memory.clear();
}

bool BatchWalker::has_read_next() {
  const std::string_view rest = std::string_view(buffer()).substr(position_ - buffer_at_);
  const auto header = read_batch_header(rest);
  return position_ >= end_ || (header && header->bytes <= rest.size());
}

/// The next bytes of the file, so many or as many as there are.
Result<std::string_view> BatchWalker::look(std::uint64_t bytes) {
  std::string& buffer = this->buffer();
  const std::uint64_t wanted = std::min(bytes, end_ - position_);
  if (buffer.size() - (position_ - buffer_at_) < wanted) {
    buffer.erase(0, position_ - buffer_at_);
    buffer_at_ = position_;
    const std::size_t kept = buffer.size();
    const std::uint64_t size = std::min(std::max(wanted, ahead_bytes_), end_ - position_);
    buffer.resize_and_overwrite(size, [](char*, std::size_t count) { return count; });
    const auto got = file_.read_at(position_ + kept, buffer.data() + kept, size - kept);
    buffer.resize(kept + (got ? *got : 0));
    MILLRACE_TRY(got);
  }
  return std::string_view(buffer).substr(position_ - buffer_at_, wanted);
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
    return fail(errc::too_large,
                "{} at byte {}: the batch at offset {} has {} bytes, more than the {} that are "
                "read at once",
                path_, position_, header->base_offset.value, header->bytes, batch_bytes_max_);
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
