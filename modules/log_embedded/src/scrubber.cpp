// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "scrubber.hpp"

#include <algorithm>

#include "catalog.hpp"
#include "fetch.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t ns_per_s = 1'000'000'000;
// A member that did nothing for so long lost its turn.
constexpr std::int64_t turn_ns = 60 * ns_per_s;
constexpr std::int64_t fetch_bytes = 1 << 20;
// The minimum cost of a fetch, and of a batch in the journal, where the batches of a partition are
// far apart.
constexpr std::int64_t page_bytes = 4096;
constexpr TopicPartition first_partition{TopicId{{internal_topics}}, partition(0)};

TopicPartition behind(TopicPartition one) {
  return {one.topic, partition(one.partition.value + 1)};
}

}  // namespace

void Scrubber::run(std::int64_t now_ns) {
  const ScrubOptions& options = log_.directory.embedded_options().scrub;
  const auto rate = static_cast<std::int64_t>(options.bytes_per_s);
  if (rate == 0) [[likely]] {
    return;
  }
  const std::int64_t since_ns = std::clamp<std::int64_t>(now_ns - last_ns_, 0, ns_per_s);
  last_ns_ = now_ns;
  if (!take_turn(now_ns)) {
    return;
  }
  const auto more = static_cast<double>(since_ns) / ns_per_s * static_cast<double>(rate);
  allowed_bytes_ = std::min(allowed_bytes_ + static_cast<std::int64_t>(more), rate);
  while (cursor_ && allowed_bytes_ > 0 && step()) {
  }
  if (!cursor_) {
    end_pass(now_ns);
  }
}

/// True if this member has the right to scrub; begins a pass when it is time.
bool Scrubber::take_turn(std::int64_t now_ns) {
  Control& control = log_.directory.control();
  std::uint32_t owner = control.scrubber.load();
  const bool ours = passing_ && owner == log_.directory.owner();
  if (!ours) {
    const std::int64_t pause_ns = log_.directory.embedded_options().scrub.pause_ms * ns_per_ms;
    passing_ = false;
    if (owner == 0 ? now_ns - control.scrubbed_ns.load() < pause_ns
                   : now_ns - control.scrub_ns.load() <= turn_ns) {
      return false;
    }
    if (!log_.topics.refresh() ||
        !control.scrubber.compare_exchange_strong(owner, log_.directory.owner())) {
      return false;
    }
    passing_ = true;
    allowed_bytes_ = 0;
    cursor_ = random_record(now_ns);
    begin_ = cursor_.value_or(Cursor{});
    wrapped_ = false;
    begin_damage_.clear();
  }
  control.scrub_ns.store(now_ns);
  return true;
}

void Scrubber::end_pass(std::int64_t now_ns) {
  Control& control = log_.directory.control();
  passing_ = false;
  control.scrubbed_ns.store(now_ns);
  std::uint32_t own = log_.directory.owner();
  control.scrubber.compare_exchange_strong(own, 0);
}

std::optional<Scrubber::Cursor> Scrubber::random_record(std::int64_t now_ns) {
  std::uint64_t records = 0;
  for (auto one = first_from(first_partition); one; one = first_from(behind(one->partition))) {
    records += static_cast<std::uint64_t>(one->end.value - one->next.value);
  }
  if (records == 0) {
    return std::nullopt;
  }
  // Not the random source of the environment, which other threads use. Each opening of the log and
  // each pass has another seed.
  const LogDirectory& directory = log_.directory;
  const std::uint64_t opening = static_cast<std::uint64_t>(directory.control().incarnation) << 48U;
  SeededRandom random(directory.log_id() ^ opening ^ static_cast<std::uint64_t>(now_ns));
  std::uint64_t skipped = random.below(records);
  for (auto one = first_from(first_partition); one; one = first_from(behind(one->partition))) {
    const auto count = static_cast<std::uint64_t>(one->end.value - one->next.value);
    if (skipped < count) {
      one->next.value += static_cast<std::int64_t>(skipped);
      return one;
    }
    skipped -= count;
  }
  // Retention was faster.
  return first_from(first_partition);
}

std::optional<Scrubber::Cursor> Scrubber::next_partition(TopicPartition partition) {
  auto next = first_from(behind(partition));
  if (!wrapped_) {
    if (next) {
      return next;
    }
    wrapped_ = true;
    next = first_from(first_partition);
  }
  if (next && next->partition == begin_.partition) {
    next->end = std::min(next->end, begin_.next);
  }
  const bool left = next && next->partition <= begin_.partition && next->next < next->end;
  return left ? next : std::nullopt;
}

std::optional<Scrubber::Cursor> Scrubber::first_from(TopicPartition wanted) {
  const Catalog& catalog = log_.topics.catalog();
  const auto topics = static_cast<std::int32_t>(catalog.topic_count());
  for (TopicId id = wanted.topic; id.value < topics; ++id.value) {
    const CatalogTopic* topic = catalog.find(id);
    std::int32_t p = id == wanted.topic ? wanted.partition.value : 0;
    for (; topic != nullptr && p < topic->topic.spec.partitions; ++p) {
      const auto row = log_.topics.row({id, partition(p)});
      const auto visible = row ? visible_end(log_, **row) : Result<VisibleEnd>(VisibleEnd{});
      const std::int64_t start = row ? (*row)->start_offset.load(std::memory_order_acquire) : 0;
      if (visible && start < visible->end) {
        return Cursor{{id, partition(p)}, offset(start), offset(visible->end)};
      }
    }
  }
  return std::nullopt;
}

bool Scrubber::step() {
  const std::int64_t wanted = std::min(allowed_bytes_, fetch_bytes);
  const auto row = log_.topics.row(cursor_->partition);
  const bool settled = row && cursor_->next.value < (*row)->settled.load(std::memory_order_acquire);
  const Status fetched = fetch_records(log_, cursor_->partition, cursor_->next,
                                       static_cast<std::size_t>(wanted), buffer_);
  const auto bytes = fetched ? static_cast<std::int64_t>(buffer_.bytes.size()) : 0;
  log_.directory.counts().scrubbed_bytes.fetch_add(static_cast<std::uint64_t>(bytes),
                                                   std::memory_order_relaxed);
  const std::size_t apart = settled ? 0 : buffer_.batches.size();
  allowed_bytes_ -= std::max(bytes, page_bytes) + static_cast<std::int64_t>(apart) * page_bytes;
  if (!fetched) {
    return pass_over(fetched.error());
  }
  cursor_->next = buffer_.next;
  if (cursor_->next >= cursor_->end) {
    cursor_ = next_partition(cursor_->partition);
  }
  return true;
}

bool Scrubber::pass_over(const Error& error) {
  if (error.is(millrace::errc::too_many_files) || error.is(errc::closed)) {
    return false;
  }
  const bool damaged = error.is(errc::corrupt) || error.is(millrace::errc::io_error);
  const bool of_begin = cursor_->partition == begin_.partition;
  // The end of the pass can read a little more than what lies before its begin.
  if (damaged && !(of_begin && error.message() == begin_damage_)) {
    begin_damage_ = of_begin ? error.message() : begin_damage_;
    log_.directory.counts().scrub_errors.fetch_add(1, std::memory_order_relaxed);
    if (const auto& notice = log_.directory.embedded_options().notice) {
      notice(error.message());
    }
  }
  const auto row = log_.topics.row(cursor_->partition);
  const std::int64_t start = row ? (*row)->start_offset.load(std::memory_order_acquire) : 0;
  if (error.is(errc::out_of_range) && cursor_->next.value < start && start < cursor_->end.value) {
    // Retention was faster.
    cursor_->next = offset(start);
    return true;
  }
  cursor_ = next_partition(cursor_->partition);
  return true;
}

}  // namespace millrace::log::embedded
