// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/store.hpp"

namespace millrace::stream::detail {

void check_stored(const Status& decoded) {
  if (!decoded) throw StoredFormatError("a stored entry: " + decoded.error().to_string());
}

void read_stored(const codec::Serde& serde, const codec::TypeInfo& type, std::string_view bytes,
                 void* out) {
  check_stored(codec::decode_with(serde, type, {}, bytes, out));
}

}  // namespace millrace::stream::detail
