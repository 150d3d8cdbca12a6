// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/store.hpp"

namespace millrace::stream::detail {

void check_stored(const Status& decoded) {
  if (!decoded) throw StoredFormatError("a stored entry: " + decoded.error().to_string());
}

std::string& key_scratch() {
  thread_local std::string bytes;
  bytes.clear();
  return bytes;
}

std::string& value_scratch() {
  thread_local std::string bytes;
  bytes.clear();
  return bytes;
}

}  // namespace millrace::stream::detail
