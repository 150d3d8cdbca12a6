// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/too_large.hpp"

#include "millrace/codec/codec.hpp"
#include "millrace/codec/typed_object.hpp"
#include "millrace/codec/write_json.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::stream::runtime {

namespace {

constexpr std::size_t shown_key_bytes_max = 200;

// The key as JSON, cut.
std::string shown(const codec::TypeInfo& type, std::string_view key) {
  const codec::TypedObject object(type);
  std::string text;
  if (!codec::decode_key(type, key, object.get())) return std::to_string(key.size()) + " bytes";
  {
    JsonWriter writer(text);
    codec::write_json(type, object.get(), writer);
  }
  if (text.size() <= shown_key_bytes_max) return text;
  text.resize(shown_key_bytes_max);
  return text + "...";
}

}  // namespace

Error too_large(std::string_view what, const codec::TypeInfo& key_type, std::string_view key,
                std::size_t bytes, std::size_t limit) {
  return {log::errc::too_large,
          std::string(what) + " with the key " + shown(key_type, key) + " has " +
              std::to_string(bytes) +
              " bytes, which is above the limit max_record_bytes = " + std::to_string(limit)};
}

}  // namespace millrace::stream::runtime
