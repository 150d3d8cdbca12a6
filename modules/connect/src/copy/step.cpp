// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy/step.hpp"

#include <algorithm>
#include <charconv>

#include "millrace/base/format_version.hpp"
#include "millrace/base/text.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::connect {

namespace {

constexpr std::string_view first_word = "millrace-copy";
constexpr std::uint64_t version = 3;
// Written for a source on Kafka, so that older builds read it.
constexpr std::uint64_t version_without_lineage = 2;
// And where the topics of neither log have numbers.
constexpr std::uint64_t version_without_topics = 1;

// Names of groups and sources are any bytes; only a line end would break a line.
std::string encoded_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '%') {
      out += "%25";
    } else if (c == '\n') {
      out += "%0A";
    } else {
      out += c;
    }
  }
  return out;
}

std::string decoded_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    if (name.starts_with("%25") || name.starts_with("%0A")) {
      out += name.starts_with("%25") ? '%' : '\n';
      name.remove_prefix(3);
    } else {
      out += name.front();
      name.remove_prefix(1);
    }
  }
  return out;
}

// Takes words off a line; `good` stays false after the first that is none.
struct Words {
  std::string_view line;
  bool good = true;

  std::string_view word() {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view taken = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    good = good && !taken.empty();
    return taken;
  }
  std::int64_t number() { return number_in(word()); }
  std::int64_t number_in(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    good = good && error == std::errc() && end == text.data() + text.size() && value >= 0;
    return value;
  }
  template <typename T>
  T number_of(int base) {
    T value = 0;
    const std::string_view text = word();
    const char* const behind = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), behind, value, base);
    good = good && error == std::errc() && end == behind;
    return value;
  }
  PartitionName partition() {
    PartitionName name(word(), 0);
    name.second = static_cast<std::int32_t>(number());
    return name;
  }
  CopiedPartition::Run run() {
    const std::string_view text = word();
    const std::size_t plus = text.find('+');
    if (plus == std::string_view::npos) {
      good = false;
      return {};
    }
    const CopiedPartition::Run taken{number_in(text.substr(0, plus)),
                                     number_in(text.substr(plus + 1))};
    good = good && taken.count > 0;
    return taken;
  }
};

bool read_line(std::string_view line, CopyStep& step) {
  Words words{line};
  const std::string_view what = words.word();
  if (what == "source") {
    step.source = decoded_name(words.line);
  } else if (what == "seen") {
    log::SeenLog seen;
    seen.lineage.value = words.number_of<std::uint64_t>(16);
    seen.position.era = words.number_of<std::uint32_t>(10);
    seen.position.position = words.number_of<std::uint64_t>(10);
    words.good = words.good && words.line.empty();
    step.seen = seen;
  } else if (what == "topic") {
    NumberedTopic topic{std::string(words.word()), 0, 0};
    topic.source = static_cast<std::uint64_t>(words.number());
    topic.target = static_cast<std::uint64_t>(words.number());
    step.topics.push_back(std::move(topic));
  } else if (what == "landed") {
    LandedPartition landed{words.partition(), 0};
    landed.first = words.number();
    step.landed.push_back(std::move(landed));
  } else if (what == "copied") {
    CopiedPartition copied{words.partition(), {}};
    do {
      copied.runs.push_back(words.run());
    } while (words.good && !words.line.empty());
    step.copied.push_back(std::move(copied));
  } else if (what == "position") {
    CopiedPosition position;
    position.partition = words.partition();
    position.source = words.number();
    position.target = words.number();
    position.group = decoded_name(words.line);
    step.positions.push_back(std::move(position));
  } else {
    return false;
  }
  return words.good;
}

std::uint64_t version_of(const CopyStep& step) {
  if (step.seen) return version;
  return step.topics.empty() ? version_without_topics : version_without_lineage;
}

std::string partition_words(const PartitionName& partition) {
  return partition.first + " " + std::to_string(partition.second);
}

}  // namespace

std::string encode_step(const CopyStep& step) {
  std::string out(first_word);
  out.append(" ")
      .append(std::to_string(version_of(step)))
      .append(" ")
      .append(std::to_string(step.number))
      .append("\n");
  out.append("source ").append(encoded_name(step.source)).append("\n");
  if (step.seen) {
    const log::LogPosition at = step.seen->position;
    out += "seen " + hex_number(step.seen->lineage.value) + " " + std::to_string(at.era) + " " +
           std::to_string(at.position) + "\n";
  }
  for (const NumberedTopic& topic : step.topics) {
    out += "topic " + topic.name + " " + std::to_string(topic.source) + " " +
           std::to_string(topic.target) + "\n";
  }
  for (const LandedPartition& landed : step.landed) {
    out +=
        "landed " + partition_words(landed.partition) + " " + std::to_string(landed.first) + "\n";
  }
  for (const CopiedPartition& copied : step.copied) {
    out += "copied " + partition_words(copied.partition);
    for (const CopiedPartition::Run& run : copied.runs) {
      out += " " + std::to_string(run.source) + "+" + std::to_string(run.count);
    }
    out += "\n";
  }
  for (const CopiedPosition& position : step.positions) {
    out += "position " + partition_words(position.partition) + " " +
           std::to_string(position.source) + " " + std::to_string(position.target) + " " +
           encoded_name(position.group) + "\n";
  }
  return out;
}

Result<CopyStep> decode_step(std::string_view text) {
  CopyStep step;
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (first) {
      Words words{line};
      const bool ours = words.word() == first_word;
      const std::string_view written = words.word();
      if (const auto found = newer_version(written, version);
          ours && words.good && found && written.find_first_not_of("0123456789") == written.npos)
        return fail(log::errc::incompatible,
                    newer_format("", "the map of the copy", *found, version));
      const bool known = ours && (written == std::to_string(version) ||
                                  written == std::to_string(version_without_lineage) ||
                                  written == std::to_string(version_without_topics));
      step.number = words.number();
      first = false;
      if (known && words.good) continue;
    } else if (read_line(line, step)) {
      continue;
    }
    return fail(errc::invalid_argument, "the map of the copy has a line that does not read: '{}'",
                line);
  }
  if (first) return fail(errc::invalid_argument, "the map of the copy has an empty record");
  return step;
}

}  // namespace millrace::connect
