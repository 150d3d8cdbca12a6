// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <stdexcept>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/codec/codec.hpp"

namespace millrace::stream {

/// Thrown in a task whose store holds what the types of this build cannot read, such as a field
/// that became required: the record in hand goes to the processing error policy.
class StoredFormatError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// Throws a StoredFormatError for a failure.
void check_stored(const Status& decoded);

/// Buffers of this thread for a key and a value on their way into a store. No user's code runs
/// while they are in use.
std::string& key_scratch();
std::string& value_scratch();

}  // namespace detail
}  // namespace millrace::stream
