// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/compression.hpp"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>

#include "millrace/base/endian.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka::wire {
namespace {

std::unexpected<Error> bad(std::string_view codec, std::string_view reason) {
  return fail(errc::corrupt, "bytes compressed with " + std::string(codec) +
                                 " cannot be decompressed: " + std::string(reason));
}

std::unexpected<Error> too_large(std::string_view codec, std::size_t max_bytes) {
  return fail(errc::too_large, "bytes compressed with " + std::string(codec) +
                                   " decompress to more than " + std::to_string(max_bytes) +
                                   " bytes");
}

/// The room behind the end of a string that a decoder writes to. Has one byte more than the limit,
/// which tells what is too large from what just fits.
class Room {
 public:
  Room(std::string& out, std::size_t max_bytes, std::size_t first_bytes)
      : out_(out), start_(out.size()), limit_(max_bytes + 1) {
    resize(std::min(limit_, first_bytes));
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  ~Room() { out_.resize(start_ + (kept_ ? used_ : 0)); }

  [[nodiscard]] char* at() { return out_.data() + start_ + used_; }
  [[nodiscard]] std::size_t left() const { return out_.size() - start_ - used_; }
  [[nodiscard]] bool overflown() const { return used_ == limit_; }
  void wrote(std::size_t bytes) { used_ += bytes; }
  void grow() { resize(std::min(limit_, 2 * (out_.size() - start_))); }
  void keep() { kept_ = true; }

 private:
  void resize(std::size_t bytes) {
    // Not the size that is passed: GCC 12 makes it larger when the string grows.
    const std::size_t size = start_ + bytes;
    out_.resize_and_overwrite(size, [=](char*, std::size_t) { return size; });
  }

  std::string& out_;
  std::size_t start_;
  std::size_t limit_;
  std::size_t used_ = 0;
  bool kept_ = false;
};

/// What one call of a decoder did.
struct Step {
  std::size_t read = 0;
  std::size_t written = 0;
  bool ended = false;           ///< at the end of a frame
  const char* wrong = nullptr;  ///< the library's reason, if it is one
};

/// Most batches shrink to a third or so.
std::size_t likely_bytes(std::string_view in) { return 4 * in.size() + 1024; }

/// Decodes frame by frame to the end of `in`.
template <class Decoder>
Status run(std::string_view codec, std::string_view in, std::size_t max_bytes, Room& room,
           Decoder&& decode) {
  while (true) {
    if (room.left() == 0) room.grow();
    const std::size_t offered = room.left();
    const Step step = decode(in, room.at(), offered);
    if (step.wrong != nullptr) return bad(codec, step.wrong);
    in.remove_prefix(step.read);
    room.wrote(step.written);
    if (room.overflown()) return too_large(codec, max_bytes);
    if (step.ended && in.empty()) break;
    if (!step.ended && in.empty() && step.written < offered) return bad(codec, "they end early");
    if (step.read == 0 && step.written == 0) return bad(codec, "they lead nowhere");
  }
  room.keep();
  return {};
}

Status gunzip(std::string_view in, std::size_t max_bytes, std::string& out) {
  z_stream stream{};
  constexpr int gzip_only = 16;
  if (inflateInit2(&stream, gzip_only + MAX_WBITS) != Z_OK) return bad("gzip", "out of memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  Room room(out, max_bytes, likely_bytes(in));
  constexpr std::size_t most = std::numeric_limits<uInt>::max();
  bool ended = false;
  return run("gzip", in, max_bytes, room, [&](std::string_view from, char* to, std::size_t bytes) {
    if (ended) inflateReset(&stream);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from.data()));
    stream.avail_in = static_cast<uInt>(std::min(from.size(), most));
    stream.next_out = reinterpret_cast<Bytef*>(to);
    stream.avail_out = static_cast<uInt>(std::min(bytes, most));
    const uInt given = stream.avail_in;
    const uInt offered = stream.avail_out;
    const int code = inflate(&stream, Z_NO_FLUSH);
    Step step{given - stream.avail_in, offered - stream.avail_out, code == Z_STREAM_END, nullptr};
    ended = step.ended;
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      step.wrong = stream.msg != nullptr ? stream.msg : zError(code);
    return step;
  });
}

// SnappyOutputStream of Java's snappy (xerial): this magic, its version and the oldest version that
// reads it, then blocks behind their lengths.
constexpr std::string_view xerial_magic("\x82SNAPPY\0", 8);
constexpr std::size_t xerial_header_bytes = 16;

Status unsnap_block(std::string_view in, std::size_t left_bytes, std::size_t max_bytes,
                    std::string& out) {
  std::size_t bytes = 0;
  if (!snappy::GetUncompressedLength(in.data(), in.size(), &bytes))
    return bad("snappy", "their length is malformed");
  if (bytes > left_bytes) return too_large("snappy", max_bytes);
  // No element says more than 64 bytes: nothing is allocated for a length that cannot be.
  constexpr std::size_t most_of_a_byte = 64;
  if (bytes > most_of_a_byte * in.size()) return bad("snappy", "they end early");
  const std::size_t old = out.size();
  bool fine = false;
  out.resize_and_overwrite(old + bytes, [&](char* data, std::size_t) {
    fine = snappy::RawUncompress(in.data(), in.size(), data + old);
    return fine ? old + bytes : old;
  });
  if (!fine) return bad("snappy", "they are malformed");
  return {};
}

Status unsnap_blocks(std::string_view in, std::size_t max_bytes, std::string& out) {
  const std::size_t start = out.size();
  if (in.size() < xerial_header_bytes) return bad("snappy", "they end early");
  in.remove_prefix(xerial_header_bytes);
  while (!in.empty()) {
    std::int32_t length = 0;
    if (in.size() < sizeof length) return bad("snappy", "they end early");
    length = load_big<std::int32_t>(in.data());
    in.remove_prefix(sizeof length);
    if (length <= 0) return bad("snappy", "a block has length " + std::to_string(length));
    const auto bytes = static_cast<std::size_t>(length);
    if (bytes > in.size()) return bad("snappy", "they end early");
    MILLRACE_TRY(
        unsnap_block(in.substr(0, bytes), max_bytes - (out.size() - start), max_bytes, out));
    in.remove_prefix(bytes);
  }
  return {};
}

Status unsnap(std::string_view in, std::size_t max_bytes, std::string& out) {
  if (!in.starts_with(xerial_magic)) return unsnap_block(in, max_bytes, max_bytes, out);
  const std::size_t start = out.size();
  const Status status = unsnap_blocks(in, max_bytes, out);
  if (!status) out.resize(start);
  return status;
}

struct Lz4Free {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

Status unlz4(std::string_view in, std::size_t max_bytes, std::string& out) {
  static thread_local std::unique_ptr<LZ4F_dctx, Lz4Free> context;
  if (context == nullptr) {
    LZ4F_dctx* made = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION)) != 0)
      return bad("lz4", "out of memory");
    context.reset(made);
  }
  // The last call may have left it in the middle of a frame.
  LZ4F_resetDecompressionContext(context.get());
  Room room(out, max_bytes, likely_bytes(in));
  return run("lz4", in, max_bytes, room, [](std::string_view from, char* to, std::size_t bytes) {
    std::size_t read = from.size();
    std::size_t written = bytes;
    const std::size_t code =
        LZ4F_decompress(context.get(), to, &written, from.data(), &read, nullptr);
    if (LZ4F_isError(code) != 0) return Step{.wrong = LZ4F_getErrorName(code)};
    return Step{read, written, code == 0, nullptr};
  });
}

struct ZstdFree {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Status unzstd(std::string_view in, std::size_t max_bytes, std::string& out) {
  static thread_local std::unique_ptr<ZSTD_DCtx, ZstdFree> context;
  if (context == nullptr) context.reset(ZSTD_createDCtx());
  if (context == nullptr) return bad("zstd", "out of memory");
  ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
  Room room(out, max_bytes, likely_bytes(in));
  const auto decode = [](std::string_view from, char* to, std::size_t bytes) {
    ZSTD_inBuffer input{from.data(), from.size(), 0};
    ZSTD_outBuffer output{to, bytes, 0};
    const std::size_t code = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(code) != 0) return Step{.wrong = ZSTD_getErrorName(code)};
    return Step{input.pos, output.pos, code == 0, nullptr};
  };
  const Status status = run("zstd", in, max_bytes, room, decode);
  // A frame with a large window leaves a large context behind.
  constexpr std::size_t kept_bytes = 16U << 20U;
  if (ZSTD_sizeof_DCtx(context.get()) > kept_bytes) context.reset();
  return status;
}

}  // namespace

Status decompress(unsigned codec, std::string_view in, std::size_t max_bytes, std::string& out) {
  switch (codec) {
    case 1:
      return gunzip(in, max_bytes, out);
    case 2:
      return unsnap(in, max_bytes, out);
    case 3:
      return unlz4(in, max_bytes, out);
    case 4:
      return unzstd(in, max_bytes, out);
    default:
      return bad("codec " + std::to_string(codec), "this codec is not known");
  }
}

}  // namespace millrace::log::kafka::wire
