// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "compressed.hpp"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>

#include "millrace/base/endian.hpp"

namespace millrace::log {
namespace {

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string bare_snappy(std::string_view bytes) {
  std::string out;
  snappy::Compress(bytes.data(), bytes.size(), &out);
  return out;
}

std::string xerial_snappy(std::string_view bytes) {
  constexpr std::size_t block_bytes = 32U << 10U;
  std::string out("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(block_bytes, bytes.size()))) {
    const std::string block = bare_snappy(bytes.substr(0, block_bytes));
    char length[4];
    store_big(length, static_cast<std::int32_t>(block.size()));
    out.append(length, sizeof length).append(block);
  }
  return out;
}

std::string lz4(std::string_view bytes, LZ4F_blockMode_t mode) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = mode;
  std::string out(LZ4F_compressFrameBound(bytes.size(), &preferences), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences));
  return out;
}
std::string linked_lz4(std::string_view bytes) { return lz4(bytes, LZ4F_blockLinked); }
std::string independent_lz4(std::string_view bytes) { return lz4(bytes, LZ4F_blockIndependent); }

std::string sized_zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

// As a stream, whose frame does not say how much it will be.
std::string streamed_zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()) + 64, '\0');
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush);
  ZSTD_compressStream2(context, &output, &input, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  out.resize(output.pos);
  return out;
}

}  // namespace

const std::vector<Compressor>& compressors() {
  static const std::vector<Compressor> all{
      {"gzip", 1, gzip},         {"snappy", 2, bare_snappy},  {"snappy", 2, xerial_snappy},
      {"lz4", 3, linked_lz4},    {"lz4", 3, independent_lz4}, {"zstd", 4, sized_zstd},
      {"zstd", 4, streamed_zstd}};
  return all;
}

}  // namespace millrace::log
