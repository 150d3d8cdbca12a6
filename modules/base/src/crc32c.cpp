// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <array>
#include <cstddef>
#include <cstring>

#include "millrace/base/hash.hpp"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace millrace {
namespace {

// 0x1edc6f41 with its bits reversed: the reflected form that the processor's instruction uses.
constexpr std::uint32_t polynomial = 0x82f63b78U;

constexpr std::array<std::array<std::uint32_t, 256>, 8> make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1U) != 0 ? (crc >> 1U) ^ polynomial : crc >> 1U;
    }
    tables[0][byte] = crc;
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    for (std::size_t table = 1; table < 8; ++table) {
      const std::uint32_t before = tables[table - 1][byte];
      tables[table][byte] = (before >> 8U) ^ tables[0][before & 0xffU];
    }
  }
  return tables;
}

constexpr auto tables = make_tables();

std::uint32_t update_by_table(std::uint32_t crc, const char* data, std::size_t size) {
  while (size >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, 8);
    word ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      crc ^= tables[7 - i][(word >> (8 * i)) & 0xffU];
    }
    data += 8;
    size -= 8;
  }
  for (; size != 0; --size, ++data) {
    crc = (crc >> 8U) ^ tables[0][(crc ^ static_cast<unsigned char>(*data)) & 0xffU];
  }
  return crc;
}

#if defined(__x86_64__)

// The instruction takes three cycles but one can start in each, so three streams run side by side.
// What the first stream computed is then carried over the bytes of the second: a linear map of 32
// bits, looked up byte by byte.
constexpr std::size_t stripe = 1024;

using Carry = std::array<std::array<std::uint32_t, 256>, 4>;

Carry make_carry() {
  static constexpr std::array<char, stripe> zeros{};
  std::array<std::uint32_t, 32> images{};
  for (std::size_t bit = 0; bit < 32; ++bit) {
    images[bit] = update_by_table(std::uint32_t{1} << bit, zeros.data(), zeros.size());
  }
  Carry carry{};
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      for (std::size_t bit = 0; bit < 8; ++bit) {
        carry[row][byte] ^= ((byte >> bit) & 1U) != 0 ? images[8 * row + bit] : 0U;
      }
    }
  }
  return carry;
}

std::uint32_t carried(const Carry& carry, std::uint32_t crc) {
  return carry[0][crc & 0xffU] ^ carry[1][(crc >> 8U) & 0xffU] ^ carry[2][(crc >> 16U) & 0xffU] ^
         carry[3][crc >> 24U];
}

std::uint64_t load(const char* data) {
  std::uint64_t word = 0;
  std::memcpy(&word, data, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t update_by_instruction(std::uint32_t start,
                                                                      const char* data,
                                                                      std::size_t size) {
  std::uint64_t crc = start;
  if (size >= 3 * stripe) {
    static const Carry carry = make_carry();
    do {
      std::uint64_t second = 0;
      std::uint64_t third = 0;
      for (std::size_t i = 0; i < stripe; i += 8) {
        crc = _mm_crc32_u64(crc, load(data + i));
        second = _mm_crc32_u64(second, load(data + stripe + i));
        third = _mm_crc32_u64(third, load(data + 2 * stripe + i));
      }
      crc = carried(carry, static_cast<std::uint32_t>(crc)) ^ second;
      crc = carried(carry, static_cast<std::uint32_t>(crc)) ^ third;
      data += 3 * stripe;
      size -= 3 * stripe;
    } while (size >= 3 * stripe);
  }
  for (; size >= 8; size -= 8, data += 8) {
    crc = _mm_crc32_u64(crc, load(data));
  }
  auto result = static_cast<std::uint32_t>(crc);
  for (; size != 0; --size, ++data) {
    result = _mm_crc32_u8(result, static_cast<unsigned char>(*data));
  }
  return result;
}

#endif

using Update = std::uint32_t (*)(std::uint32_t, const char*, std::size_t);

Update choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2") != 0) {
    return update_by_instruction;
  }
#endif
  return update_by_table;
}

}  // namespace

namespace detail {
// Not in a header: the test that compares the two ways declares it.
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t seed);
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t seed) {
  return ~update_by_table(~seed, bytes.data(), bytes.size());
}
}  // namespace detail

std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed) {
  static const Update update = choose();
  return ~update(~seed, bytes.data(), bytes.size());
}

}  // namespace millrace
