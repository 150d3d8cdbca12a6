// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"

namespace millrace::stream::runtime {

/// Of a task; of more inputs than that no ranges are kept.
inline constexpr std::size_t input_ranges_topics_max = 64;
/// Of a record: more than a commit ever has, whose ranges take some 600 bytes.
inline constexpr std::size_t input_ranges_max = 1024;

/// The topic in which the tasks of a part keep them.
[[nodiscard]] std::string input_ranges_topic(std::string_view service, std::string_view part);

/// Where a task's ranges of input end, as one record of `<service>.<part>.system.ranges` has it;
/// docs/formats/input_ranges.md. Within a range the inputs were taken in the order of time; all of
/// it was taken before anything behind it.
struct InputRanges {
  struct Topic {
    std::string name;
    std::uint64_t stored_id = 0;  ///< log::stored_topic_id(); 0: not known
    friend bool operator==(const Topic&, const Topic&) = default;
  };
  std::vector<Topic> topics;
  std::vector<std::vector<std::int64_t>> ends;  ///< of each range, by topic: the offset behind it
};

/// errc::incompatible for a later version, base's errc::invalid_argument for what is no such
/// record or has more than input_ranges_max, and for an end that is no offset.
[[nodiscard]] Result<InputRanges> decode_input_ranges(std::string_view bytes);

/// Writes such a record, range by range.
class InputRangesWriter {
 public:
  explicit InputRangesWriter(std::vector<InputRanges::Topic> topics);

  /// The next range ends there, by topic; not before the one added last.
  void add(const std::vector<std::int64_t>& end);
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  /// What bytes() grows by with a range, at most; the first one comes with the topics.
  [[nodiscard]] std::size_t range_bytes_max() const;
  [[nodiscard]] std::size_t first_range_bytes_max() const;
  void clear() { bytes_.clear(); }

 private:
  std::vector<InputRanges::Topic> topics_;
  bool has_ids_;
  std::vector<std::int64_t> last_;
  std::string bytes_;
};

}  // namespace millrace::stream::runtime
