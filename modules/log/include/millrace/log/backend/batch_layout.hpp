// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>

// Byte offsets of the fields of a RecordBatch v2: docs/formats/record_batch.md.
namespace millrace::log::batch_layout {

inline constexpr std::size_t base_offset = 0;
inline constexpr std::size_t batch_length = 8;
inline constexpr std::size_t leader_epoch = 12;
inline constexpr std::size_t magic = 16;
inline constexpr std::size_t crc = 17;
inline constexpr std::size_t attributes = 21;
inline constexpr std::size_t last_offset_delta = 23;
inline constexpr std::size_t base_timestamp = 27;
inline constexpr std::size_t max_timestamp = 35;
inline constexpr std::size_t producer_id = 43;
inline constexpr std::size_t producer_epoch = 51;
inline constexpr std::size_t base_sequence = 53;
inline constexpr std::size_t count = 57;

/// The length field counts the bytes after itself.
inline constexpr std::size_t length_starts_at = 12;
inline constexpr char magic_value = 2;

inline constexpr unsigned codec_bits = 0x07;
inline constexpr unsigned log_append_time_bit = 0x08;
inline constexpr unsigned transactional_bit = 0x10;
inline constexpr unsigned control_bit = 0x20;

/// Length, attributes, time delta, offset delta, key length, value length and header count, one
/// byte each.
inline constexpr std::size_t smallest_record_bytes = 7;

}  // namespace millrace::log::batch_layout
