// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream::runtime {

/// Records of types that no source reads, counted by topic and type. Of each topic 100 types have a
/// count of their own; all further ones share one, so that a topic with a type for each record
/// takes no more memory. find() and the counts it returns are for the thread of step(); counts() is
/// for any thread.
class UnknownTypes {
 public:
  using Count = std::atomic<std::uint64_t>;
  struct Found {
    Count* count;  ///< lives as long as the object that found it
    bool is_new;   ///< a type with a count of its own, which was not asked for before
  };
  [[nodiscard]] Found find(std::string_view topic, std::string_view type);
  /// Those above 0, by topic and type.
  [[nodiscard]] std::vector<UnknownTypeCount> counts() const;

 private:
  struct Topic {
    std::map<std::string, Count, std::less<>> types;
    Count others = 0;
  };
  mutable Mutex mutex_;
  std::map<std::string, Topic, std::less<>> topics_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::stream::runtime
