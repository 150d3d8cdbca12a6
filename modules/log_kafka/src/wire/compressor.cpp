// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/compressor.hpp"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "millrace/base/endian.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr int level_max = 12;
// In librdkafka's words, which takes them in either case.
constexpr std::pair<std::string_view, Codec> codecs[] = {{"none", Codec::none},
                                                         {"gzip", Codec::gzip},
                                                         {"snappy", Codec::snappy},
                                                         {"lz4", Codec::lz4},
                                                         {"zstd", Codec::zstd}};

bool is_same_word(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char c, char of) {
    return c == of || (c >= 'A' && c <= 'Z' && c - 'A' + 'a' == of);
  });
}

std::optional<int> level_of(std::string_view text) {
  int level = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, level);
  if (read.ec != std::errc() || read.ptr != end || level < Compression::default_level ||
      level > level_max) {
    return std::nullopt;
  }
  return level;
}

std::unexpected<Error> bad_setting(std::string_view name, std::string_view value,
                                   std::string_view values) {
  return fail(errc::invalid_argument, "kafka setting " + std::string(name) + ": '" +
                                          std::string(value) + "' is not " + std::string(values));
}

// Each writes all of `in` to `to`, and returns how many bytes that are: 0 when `to` cannot hold
// them or there is no memory.

std::size_t gzip(int level, std::string_view in, std::span<char> to) {
  z_stream stream{};
  constexpr int as_gzip = 16;
  constexpr int usual_memory = 8;
  if (deflateInit2(&stream, std::min(level, Z_BEST_COMPRESSION), Z_DEFLATED, as_gzip + MAX_WBITS,
                   usual_memory, Z_DEFAULT_STRATEGY) != Z_OK) {
    return 0;
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, deflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(to.data());
  stream.avail_out = static_cast<uInt>(to.size());
  return deflate(&stream, Z_FINISH) == Z_STREAM_END ? to.size() - stream.avail_out : 0;
}

// SnappyOutputStream of Java's snappy (xerial): a magic, its version and the oldest version that
// reads it, then blocks behind their lengths.
constexpr std::string_view xerial_header("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
constexpr std::size_t xerial_block_bytes = 32U << 10U;

std::size_t snappy_room(std::size_t bytes) {
  const std::size_t blocks = bytes / xerial_block_bytes + 1;
  return xerial_header.size() +
         blocks * (sizeof(std::int32_t) + snappy::MaxCompressedLength(xerial_block_bytes));
}

std::size_t snap(std::string_view in, std::span<char> to) {
  char* at = std::copy(xerial_header.begin(), xerial_header.end(), to.data());
  while (!in.empty()) {
    const std::string_view block = in.substr(0, xerial_block_bytes);
    std::size_t written = 0;
    snappy::RawCompress(block.data(), block.size(), at + sizeof(std::int32_t), &written);
    store_big(at, static_cast<std::int32_t>(written));
    at += sizeof(std::int32_t) + written;
    in.remove_prefix(block.size());
  }
  return static_cast<std::size_t>(at - to.data());
}

LZ4F_preferences_t lz4_preferences(int level) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.compressionLevel = std::max(level, 0);
  preferences.autoFlush = 1;
  return preferences;
}

std::size_t lz4_room(std::size_t bytes) {
  const LZ4F_preferences_t preferences = lz4_preferences(0);
  return LZ4F_compressFrameBound(bytes, &preferences);
}

struct FreeLz4Compressor {
  void operator()(LZ4F_cctx* context) const { LZ4F_freeCompressionContext(context); }
};

std::size_t lz4(int level, std::string_view in, std::span<char> to) {
  static thread_local std::unique_ptr<LZ4F_cctx, FreeLz4Compressor> context;
  if (context == nullptr) {
    LZ4F_cctx* made = nullptr;
    if (LZ4F_isError(LZ4F_createCompressionContext(&made, LZ4F_VERSION)) != 0) {
      return 0;
    }
    context.reset(made);
  }
  const LZ4F_preferences_t preferences = lz4_preferences(level);
  std::size_t used = 0;
  const auto wrote = [&](std::size_t bytes) {
    if (LZ4F_isError(bytes) != 0) {
      return false;
    }
    used += bytes;
    return true;
  };
  const auto left = [&] { return to.size() - used; };
  const bool whole = wrote(LZ4F_compressBegin(context.get(), to.data(), left(), &preferences)) &&
                     wrote(LZ4F_compressUpdate(context.get(), to.data() + used, left(), in.data(),
                                               in.size(), nullptr)) &&
                     wrote(LZ4F_compressEnd(context.get(), to.data() + used, left(), nullptr));
  return whole ? used : 0;
}

struct FreeZstdCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

std::size_t zstd(int level, std::string_view in, std::span<char> to) {
  static thread_local std::unique_ptr<ZSTD_CCtx, FreeZstdCompressor> context;
  if (context == nullptr) {
    context.reset(ZSTD_createCCtx());
  }
  if (context == nullptr) {
    return 0;
  }
  const int used_level = level == Compression::default_level ? ZSTD_CLEVEL_DEFAULT : level;
  const std::size_t written =
      ZSTD_compressCCtx(context.get(), to.data(), to.size(), in.data(), in.size(), used_level);
  // A large batch at a high level leaves a large context behind.
  constexpr std::size_t kept_bytes = 16U << 20U;
  if (ZSTD_sizeof_CCtx(context.get()) > kept_bytes) {
    context.reset();
  }
  return ZSTD_isError(written) != 0 ? 0 : written;
}

/// How many bytes a codec needs to work, or to show that it saves none.
std::size_t room_of(Codec codec, std::size_t bytes) {
  switch (codec) {
    case Codec::snappy:
      return snappy_room(bytes);
    case Codec::lz4:
      return lz4_room(bytes);
    default:
      return bytes;
  }
}

std::size_t encode(const Compression& compression, std::string_view in, std::span<char> to) {
  switch (compression.codec) {
    case Codec::none:
      return 0;
    case Codec::gzip:
      return gzip(compression.level, in, to);
    case Codec::snappy:
      return snap(in, to);
    case Codec::lz4:
      return lz4(compression.level, in, to);
    case Codec::zstd:
      return zstd(compression.level, in, to);
  }
  return 0;
}

}  // namespace

Result<Compression> Compression::of(const Settings& settings) {
  Compression compression;
  if (const std::string* const name =
          last_setting(settings, "compression.type", "compression.codec")) {
    const auto* const found =
        std::find_if(std::begin(codecs), std::end(codecs),
                     [&](const auto& one) { return is_same_word(*name, one.first); });
    if (found == std::end(codecs)) {
      return bad_setting("compression.type", *name, "none, gzip, snappy, lz4 or zstd");
    }
    compression.codec = found->second;
  }
  if (const std::string* const text = last_setting(settings, "compression.level")) {
    const std::optional<int> level = level_of(*text);
    if (!level) {
      return bad_setting("compression.level", *text,
                         "a level from -1 (the default of the codec) to 12");
    }
    compression.level = *level;
  }
  return compression;
}

bool compress(const Compression& compression, std::string_view in, std::string& out) {
  const std::size_t start = out.size();
  const std::size_t room = room_of(compression.codec, in.size());
  bool smaller = false;
  out.resize_and_overwrite(start + room, [&](char* data, std::size_t) {
    const std::size_t written = encode(compression, in, {data + start, room});
    smaller = written > 0 && written < in.size();
    return start + (smaller ? written : 0);
  });
  return smaller;
}

}  // namespace millrace::log::kafka::wire
