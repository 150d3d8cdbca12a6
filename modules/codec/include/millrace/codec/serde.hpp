// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/type_info.hpp"

namespace millrace::codec {

/// How a key or a value becomes bytes and is read again; what travels beside the bytes is the
/// Envelope. json_serde(), binary_serde() and key_serde() are those of the library; derive a class
/// for another form. One object is used by many threads at once, and may be called while another
/// call of it is under way, by the same thread too.
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

  /// What manifests, descriptions and errors call it: letters, digits, `.`, `_` and `-`. Two serdes
  /// of one name have one form of bytes; when the form changes, so does the name. `json`, `binary`
  /// and `key` are the library's.
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// The header `content-type` of a record with CloudEvents.
  [[nodiscard]] virtual std::string_view content_type() const { return "application/octet-stream"; }
  /// Values of that type can be read only when the envelope says which event they are: the bytes of
  /// a std::variant in JSON do not.
  [[nodiscard]] virtual bool needs_event_type(const TypeInfo& type) const;

  /// Appends an object of `type` to `out`. May throw instead of returning an error. `out` is
  /// discarded then.
  [[nodiscard]] virtual Status encode(const TypeInfo& type, const void* value,
                                      std::string& out) const = 0;
  /// Reads into `out`, an object of `type`, overwriting all of it. `event_type` is what the
  /// envelope says, or empty. The bytes may come from anywhere. After a failure `out` is valid but
  /// unspecified. Return an error for bytes that are bad, and throw for what may pass, such as a
  /// registry that does not respond: what a table lacks for it is read again at the next start.
  [[nodiscard]] virtual Status decode(const TypeInfo& type, std::string_view event_type,
                                      std::string_view bytes, void* out) const = 0;
};

/// Shared by all that use it: topologies, writers, readers.
using SerdePtr = std::shared_ptr<const Serde>;

/// Readable, the default of public topics: encode_json() and decode_json().
[[nodiscard]] const SerdePtr& json_serde();
/// Compact, the default of private topics and of stores: encode_binary() and decode_binary().
[[nodiscard]] const SerdePtr& binary_serde();
/// The default of keys, in the order of the values: encode_key() and decode_key().
[[nodiscard]] const SerdePtr& key_serde();

/// Serde::encode(), with a returned error as an exception too: std::runtime_error names the serde.
void encode_with(const Serde& serde, const TypeInfo& type, const void* value, std::string& out);
/// Serde::decode(), with an exception as an error too: errc::serde_failed names the serde. But
/// std::bad_alloc is thrown on.
[[nodiscard]] Status decode_with(const Serde& serde, const TypeInfo& type,
                                 std::string_view event_type, std::string_view bytes, void* out);

namespace errc {
/// A serde of the program threw an exception while it read a key or a value. Remedy: correct the
/// serde, which the message names, or the writer of the bytes.
inline constexpr ErrorCode serde_failed{"codec.serde_failed"};
}  // namespace errc

}  // namespace millrace::codec
