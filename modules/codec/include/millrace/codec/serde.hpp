// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/type_info.hpp"

namespace millrace::codec {

/// Converts keys or values to bytes and back. The headers of a record are the job of the Envelope.
/// The library has json_serde(), binary_serde() and key_serde(); derive a class for another form.
/// Many threads use one object at the same time, and a call may be made during another call in the
/// same thread.
///
///     class Tagged final : public codec::Serde {
///       std::string_view name() const override { return "tagged"; }
///       Status encode(const TypeInfo& type, const void* value, std::string& out) const override {
///         out.push_back('#');
///         return json_serde()->encode(type, value, out);
///       }
///       ...
class Serde {
 public:
  Serde() = default;
  virtual ~Serde() = default;
  Serde(const Serde&) = delete;
  Serde& operator=(const Serde&) = delete;

  /// The name for manifests, descriptions and errors: letters, digits, `.`, `_` and `-`. Two serdes
  /// with the same name must have the same form of bytes: when you change the form, change the
  /// name. `json`, `binary` and `key` are reserved.
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// The header `content-type` of a record with CloudEvents.
  [[nodiscard]] virtual std::string_view content_type() const { return "application/octet-stream"; }
  /// True if values of this type can be read only with the event type from the envelope, as for a
  /// std::variant in JSON.
  [[nodiscard]] virtual bool needs_event_type(const TypeInfo& type) const;

  /// Appends an object of `type` to `out`. It may throw instead of returning an error; then `out`
  /// is not used.
  [[nodiscard]] virtual Status encode(const TypeInfo& type, const void* value,
                                      std::string& out) const = 0;
  /// Reads an object of `type` into `out` and overwrites all of it. `event_type` comes from the
  /// envelope, or is empty. The bytes may be hostile. After an error `out` must be valid, but its
  /// value is unspecified. Return an error for bad bytes. Throw for a temporary failure, such as a
  /// registry that does not respond: records that a table lacks because of an exception are read
  /// again at the next start.
  [[nodiscard]] virtual Status decode(const TypeInfo& type, std::string_view event_type,
                                      std::string_view bytes, void* out) const = 0;
};

/// A serde is shared by all topologies, writers and readers that use it.
using SerdePtr = std::shared_ptr<const Serde>;

/// Readable, the default of public topics: encode_json() and decode_json().
[[nodiscard]] const SerdePtr& json_serde();
/// Compact, the default of private topics and of stores: encode_binary() and decode_binary().
[[nodiscard]] const SerdePtr& binary_serde();
/// The default of keys: encode_key() and decode_key(). The order of the bytes is the order of the
/// values.
[[nodiscard]] const SerdePtr& key_serde();

/// Calls Serde::encode(). Throws a std::runtime_error that names the serde when it returns an
/// error.
void encode_with(const Serde& serde, const TypeInfo& type, const void* value, std::string& out);
/// Calls Serde::decode(). When it throws an exception, returns errc::serde_failed, which names the
/// serde; std::bad_alloc is not caught.
[[nodiscard]] Status decode_with(const Serde& serde, const TypeInfo& type,
                                 std::string_view event_type, std::string_view bytes, void* out);

namespace errc {
/// A serde of the program threw an exception while it read a key or a value. Remedy: correct the
/// serde that the message names, or the program that wrote the bytes.
inline constexpr ErrorCode serde_failed{"codec.serde_failed"};
}  // namespace errc

}  // namespace millrace::codec
