// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/type_info.hpp"

namespace millrace::codec {

/// Appends the value as JSON. A variant is written as its active alternative; its type is not part
/// of the JSON, but is written to the header `ce_type`. Throws std::domain_error, with the path of
/// the member, for an infinity or a NaN, which JSON cannot express, and for an integer above 2^53,
/// which other readers round, unless its member is declared as text (`codec.number_too_large`).
void encode_json(const TypeInfo& type, const void* value, std::string& out);
/// Reads a value into `out`, which points to an object of that type, and overwrites all of it.
/// Unknown fields are ignored. Missing optionals and sequences become empty. A missing required
/// field is an error that names its path, such as `lines[3].quantity: missing`. For a variant,
/// `event_type` chooses the alternative. Safe for hostile input. errc::malformed,
/// errc::missing_field, errc::wrong_type; errc::unknown_type when no alternative has the name
/// `event_type`. After an error `out` is valid but its value is unspecified.
[[nodiscard]] Status decode_json(const TypeInfo& type, std::string_view event_type,
                                 std::string_view bytes, void* out);

/// Appends the value in the private binary form (docs/formats/private_binary.md); a variant with
/// the index of its alternative.
void encode_binary(const TypeInfo& type, const void* value, std::string& out);
/// As decode_json().
[[nodiscard]] Status decode_binary(const TypeInfo& type, std::string_view bytes, void* out);

/// Appends the key form. A string is written as it is. An integer is big-endian with its sign bit
/// flipped, so that byte order is number order. A struct is written member by member, its strings
/// escaped (0x00 -> 0x00 0xff) and ended by 0x00 0x01. The order of the bytes is the order of the
/// values. Equal keys have equal bytes (-0.0 is written as 0.0); the partitioner uses these bytes.
/// Throws std::domain_error for a NaN.
void encode_key(const TypeInfo& type, const void* value, std::string& out);
/// errc::malformed.
[[nodiscard]] Status decode_key(const TypeInfo& type, std::string_view bytes, void* out);

namespace errc {
/// The bytes are not valid JSON, or not valid in the private binary form. Remedy: correct the
/// writer; the message names where the bytes are wrong.
inline constexpr ErrorCode malformed{"codec.malformed"};
/// A required field is missing. Remedy: send the field that the message names, or make the member a
/// `std::optional` in the reader.
inline constexpr ErrorCode missing_field{"codec.missing_field"};
/// A field has another type than the reader expects, or its value does not fit. Remedy: send the
/// expected type; the message names the path of the field, the expected type and what was found.
inline constexpr ErrorCode wrong_type{"codec.wrong_type"};
/// An integer is larger than 2^53 and would be written as a JSON number, which most readers round.
/// Remedy: name the member in `millrace_as_text` of its struct, or make it a string.
inline constexpr ErrorCode number_too_large{"codec.number_too_large"};
/// The reader does not know the type of the event (`ce_type`). Remedy: add the type to the reader,
/// or let the reader skip it.
inline constexpr ErrorCode unknown_type{"codec.unknown_type"};
/// The headers of the record are not CloudEvents 1.x in binary mode. Remedy: let the writer send
/// `ce_` headers, as the page of the format says.
inline constexpr ErrorCode bad_envelope{"codec.bad_envelope"};
/// A newer Millrace wrote the private record: its header `pv` names a version that this build
/// cannot read. Remedy: use the newer build for every process of the service.
inline constexpr ErrorCode incompatible{"codec.incompatible"};
}  // namespace errc

}  // namespace millrace::codec
