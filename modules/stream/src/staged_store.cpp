// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/staged_store.hpp"

#include <stdexcept>

namespace millrace::stream {

void StagedStore::check_allowed() const {
  if (changes_allowed_ != nullptr && !*changes_allowed_) [[unlikely]]
    throw std::logic_error(
        "a store is changed outside of a work item: put and erase entries in process(), or in "
        "the callback of a timer or a sweep");
}

}  // namespace millrace::stream
