// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "words.hpp"

#include <cctype>
#include <string>
#include <vector>

namespace words {

namespace stream = millrace::stream;

namespace {

std::vector<std::string> words_of(const LineRead& line) {
  std::vector<std::string> words(1);
  for (const unsigned char c : line.text) {
    if (std::isalpha(c) != 0) {
      words.back() += static_cast<char>(std::tolower(c));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

}  // namespace

// [topology]
millrace::Result<stream::Topology> word_counts() {
  stream::TopologyBuilder builder("words");
  builder.stream<std::string, LineRead>("lines")
      .flat_map_values(words_of)
      .group_by([](const std::string& word) { return word; })
      .count("counts")
      .to_stream()
      .map_values([](std::int64_t count) { return WordCounted{count}; })
      .to("words.counts");
  return builder.build();
}
// [topology]

}  // namespace words
