// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/topic_position.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "millrace/base/format_version.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/base/text.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/stored_topic_id.hpp"

namespace millrace::log {

namespace {

constexpr std::string_view first_word = "millrace-position";
constexpr std::uint64_t position_version = 1;

// An identity may have any bytes.
std::string as_word(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c > ' ' && c < 0x7f && c != '%') {
      out += c;
    } else {
      out += "%" + hex(std::string_view(&c, 1));
    }
  }
  return out;
}

std::string checksum_of(std::string_view text) { return hex_number(crc32c(text)).substr(8); }

std::unexpected<Error> unreadable(const std::string& why) {
  return fail(millrace::errc::invalid_argument, "the position of a topic {}", why);
}

/// Takes words off the front; `good` stays false after the first that is none.
struct PositionWords {
  std::string_view text;
  bool good = true;

  std::string_view word(char separator = ' ') {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    good = good && !taken.empty();
    return taken;
  }
  template <class T>
  T number(int base = 10, char separator = ' ') {
    const std::string_view taken = word(separator);
    T value = 0;
    const char* const end = taken.data() + taken.size();
    const auto read = std::from_chars(taken.data(), end, value, base);
    good = good && read.ec == std::errc{} && read.ptr == end;
    return value;
  }
  std::string name() {
    auto decoded = percent_decode(word());
    good = good && decoded.has_value();
    return decoded.value_or("");
  }
};

}  // namespace

std::string TopicPosition::to_text() const {
  std::string out(first_word);
  out += " " + std::to_string(position_version) + " " + as_word(log) + " " +
         hex_number(seen.lineage.value) + " " + std::to_string(seen.position.era) + " " +
         std::to_string(seen.position.position) + " " + as_word(topic) + " " +
         std::to_string(topic_id) + " ";
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    out += (i == 0 ? "" : ",") + std::to_string(offsets[i].value);
  }
  return out + " " + checksum_of(out);
}

Result<TopicPosition> TopicPosition::from_text(std::string_view text) {
  PositionWords words{text};
  if (words.word() != first_word) {
    return unreadable("does not begin with '" + std::string(first_word) + "'");
  }
  const std::string_view written = words.word();
  const std::size_t sum = text.rfind(' ');
  if (!words.good || text.substr(sum + 1) != checksum_of(text.substr(0, sum))) {
    return unreadable("is damaged: it does not match its checksum");
  }
  if (const auto newer = newer_version(written, position_version)) {
    return fail(errc::incompatible,
                newer_format("", "the position of a topic", *newer, position_version));
  }
  TopicPosition position;
  position.log = words.name();
  position.seen.lineage.value = words.number<std::uint64_t>(16);
  position.seen.position.era = words.number<std::uint32_t>();
  position.seen.position.position = words.number<std::uint64_t>();
  position.topic = words.name();
  position.topic_id = words.number<std::uint64_t>();
  PositionWords list{words.word()};
  words.good = words.good && words.text == text.substr(sum + 1);
  while (list.good && !list.text.empty()) {
    position.offsets.push_back(offset(list.number<std::int64_t>(10, ',')));
  }
  const bool negative = std::any_of(position.offsets.begin(), position.offsets.end(),
                                    [](Offset one) { return one < Offset{}; });
  if (!words.good || !list.good || negative || written != std::to_string(position_version)) {
    return unreadable("has a part that does not read");
  }
  return position;
}

TopicPosition position_in(Log& log, const Topic& topic, std::vector<Offset> offsets) {
  return {log.identity(), see_log(log), topic.spec.name, stored_topic_id(log, topic.id),
          std::move(offsets)};
}

Status check_position(Log& log, const Topic& topic, const TopicPosition& position) {
  if (position.topic != topic.spec.name) {
    return fail(millrace::errc::invalid_argument, "the position is of topic {}, and not of {}",
                position.topic, topic.spec.name);
  }
  const std::string subject = "the position in topic " + position.topic;
  if (position.log != log.identity()) {
    return fail(errc::unknown_lineage, "{} is of another log, {}, and this one is {}", subject,
                position.log, log.identity());
  }
  if (const Status past = log.check_past(position.seen.lineage, position.seen.position); !past) {
    return fail(past.error().at(subject));
  }
  const bool has_fewer = std::cmp_greater(position.offsets.size(), topic.spec.partitions);
  if (has_fewer || is_another_topic(position.topic_id, stored_topic_id(log, topic.id))) {
    return fail(errc::topic_replaced, "{} is of a topic that was deleted, and created again since",
                subject);
  }
  return {};
}

}  // namespace millrace::log
