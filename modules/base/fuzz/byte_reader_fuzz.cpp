// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/base/assert.hpp"
#include "millrace/base/byte_reader.hpp"

namespace {

using millrace::ByteReader;

/// One read of a kind that the input chooses; the size of what it returned.
std::size_t read(ByteReader& in, std::uint8_t kind) {
  switch (kind % 12) {
    case 0:
      return in.byte() == 0 ? 0 : 1;
    case 1:
      return in.little<std::uint16_t>() == 0 ? 0 : 1;
    case 2:
      return in.big<std::int64_t>() == 0 ? 0 : 1;
    case 3:
      return in.varint<std::uint32_t>() == 0 ? 0 : 1;
    case 4:
      return in.varint<std::uint64_t>() == 0 ? 0 : 1;
    case 5:
      return in.varint<std::int32_t>() == 0 ? 0 : 1;
    case 6:
      return in.varint<std::int64_t>() == 0 ? 0 : 1;
    case 7:
      return in.little_text<std::uint32_t>().size();
    case 8:
      return in.big_text<std::int16_t>().size();
    case 9:
      return in.varint_text<std::uint64_t>().size();
    case 10:
      return in.varint_text<std::int64_t>().size();
    default:
      return in.count(in.varint<std::int64_t>(), 1 + kind / 12U);
  }
}

}  // namespace

/// Whatever is read in whatever order: never past the end, and never again after a failure.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::size_t kinds = size / 2;
  ByteReader in({reinterpret_cast<const char*>(data) + kinds, size - kinds});
  for (std::size_t i = 0; i < kinds; ++i) {
    const bool failed = !in.ok();
    const std::size_t left = in.left();
    const std::size_t got = read(in, data[i]);
    MILLRACE_ASSERT(in.left() <= left, "a reader only moves forward");
    MILLRACE_ASSERT(in.ok() || (in.at_end() && got == 0), "a reader that failed reads nothing");
    MILLRACE_ASSERT(!failed || !in.ok(), "a reader that failed stays failed");
  }
  return 0;
}
