// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/dead_letters.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include "millrace/base/format_version.hpp"
#include "millrace/log/record_size.hpp"
#include "runtime/cut_text.hpp"

namespace millrace::stream::runtime {

namespace {

constexpr std::size_t reason_bytes_max = 2'000;
// Of the reason where little else fits.
constexpr std::size_t short_reason_bytes_max = 200;
// Left free in a letter, for what its replay and copies of the log add to it.
constexpr std::size_t spare_bytes = 512;
// Longest name of a topic.
constexpr std::size_t topic_bytes_max = 249;

bool is_ours(std::string_view header) {
  static constexpr std::string_view ours[] = {
      "dl-reason",       "dl-code",     "dl-topic", "dl-partition", "dl-offset",
      "dl-sub-topology", "dl-attempts", "dl-build", "dl-timestamp", "dl-omitted"};
  return std::find(std::begin(ours), std::end(ours), header) != std::end(ours);
}

std::int64_t number_in(std::optional<std::string_view> text) {
  std::int64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

std::string_view omitted_in(LetterForm form) {
  switch (form) {
    case LetterForm::whole:
      return {};
    case LetterForm::without_value:
      return "value";
    case LetterForm::without_headers:
      return "value, headers";
    case LetterForm::place_alone:
      break;
  }
  return "value, headers, key";
}

}  // namespace

void restore_headers(log::HeadersView replayed, log::HeadersBuilder& out) {
  std::string_view cursor = replayed.encoded();
  log::HeaderView header;
  while (log::HeadersView::next(cursor, header)) {
    std::string_view name = header.key;
    if (name.starts_with(foreign_header_prefix)) {
      name.remove_prefix(foreign_header_prefix.size());
    } else if (name.starts_with("dl-")) {
      continue;
    }
    out.add(name, header.value);
  }
}

void DeadLetters::write(const InHand& hand, std::string_view sub_topology, ErrorCode code,
                        std::string_view reason, LetterShape shape, Outbox& out) {
  const log::Topic& topic = shared_->dead_letters;
  const log::TopicPartition partition{
      topic.id, log::partition(hand.partition().value % topic.spec.partitions)};
  const std::size_t limit = shared_->record_bytes_max();
  for (LetterForm form = shape.least;; form = static_cast<LetterForm>(static_cast<int>(form) + 1)) {
    log::Record letter = *hand.record();
    if (shape.now) letter.timestamp_ms = shared_->environment.clock.wall_ms();
    if (form >= LetterForm::without_value) letter.value.reset();
    if (form >= LetterForm::place_alone) letter.key.reset();
    build_headers(hand, sub_topology, code, reason, form, shape.now);
    letter.headers = headers_.view();
    const std::size_t bytes = log::record_bytes(letter);
    if (form != last_letter_form && bytes + spare_bytes > limit) continue;
    return out.add(partition, letter, bytes);
  }
}

void DeadLetters::build_headers(const InHand& hand, std::string_view sub_topology, ErrorCode code,
                                std::string_view reason, LetterForm form, bool now) {
  const log::HeadersView original = hand.record()->headers;
  // Elsewhere headers of these names are the record's own and say nothing of a letter.
  const bool is_replay = hand.input()->topic().is_retry;
  // What a newer build wrote is kept, so that a newer build can read it.
  const bool newer =
      is_replay && newer_version(original.find("dl-version"), dead_letter_version).has_value();
  headers_.clear();
  if (form < LetterForm::without_headers) {
    std::string_view cursor = original.encoded();
    log::HeaderView header;
    while (log::HeadersView::next(cursor, header)) {
      const bool stays = is_replay && (header.key.starts_with(foreign_header_prefix) ||
                                       (newer && !is_ours(header.key)));
      if (!header.key.starts_with("dl-") || stays) {
        headers_.add(header.key, header.value);
      } else if (!is_replay) {
        headers_.add(std::string(foreign_header_prefix).append(header.key), header.value);
      }
    }
  }
  const std::size_t reason_bytes =
      form == LetterForm::place_alone ? short_reason_bytes_max : reason_bytes_max;
  headers_.add("dl-reason", cut_text(reason, reason_bytes)).add("dl-code", code.name);
  // Of a letter that was replayed: where it was to be processed at first. Anybody can write that,
  // so it is bounded.
  std::string_view topic = hand.view().topic;
  std::int64_t partition = hand.partition().value;
  std::int64_t offset = hand.record()->offset.value;
  const auto first_topic = original.find("dl-topic");
  if (is_replay && first_topic && first_topic->size() <= topic_bytes_max) {
    topic = *first_topic;
    partition = number_in(original.find("dl-partition"));
    offset = number_in(original.find("dl-offset"));
  }
  const std::int64_t attempts = is_replay ? number_in(original.find("dl-attempts")) : 0;
  const bool more = attempts < std::numeric_limits<std::int64_t>::max();
  headers_.add("dl-topic", topic)
      .add("dl-partition", std::to_string(partition))
      .add("dl-offset", std::to_string(offset))
      .add("dl-sub-topology", sub_topology)
      .add("dl-attempts", std::to_string(more ? attempts + 1 : attempts))
      .add("dl-build", shared_->options.build);
  if (now) headers_.add("dl-timestamp", std::to_string(hand.record()->timestamp_ms));
  if (form != LetterForm::whole) headers_.add("dl-omitted", omitted_in(form));
}

}  // namespace millrace::stream::runtime
