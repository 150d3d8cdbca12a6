// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/serde.hpp"

#include <new>
#include <stdexcept>

#include "millrace/base/fault_point.hpp"
#include "millrace/codec/codec.hpp"
#include "transparent.hpp"

namespace millrace::codec {
namespace {

class JsonSerde final : public Serde {
 public:
  [[nodiscard]] std::string_view name() const override { return "json"; }
  [[nodiscard]] std::string_view content_type() const override { return "application/json"; }
  [[nodiscard]] bool needs_event_type(const TypeInfo& type) const override {
    const char* object = nullptr;
    return resolve(&type, object).kind == Kind::variant;
  }
  [[nodiscard]] Status encode(const TypeInfo& type, const void* value,
                              std::string& out) const override {
    encode_json(type, value, out);
    return {};
  }
  [[nodiscard]] Status decode(const TypeInfo& type, std::string_view event_type,
                              std::string_view bytes, void* out) const override {
    return decode_json(type, event_type, bytes, out);
  }
};

class BinarySerde final : public Serde {
 public:
  [[nodiscard]] std::string_view name() const override { return "binary"; }
  [[nodiscard]] Status encode(const TypeInfo& type, const void* value,
                              std::string& out) const override {
    encode_binary(type, value, out);
    return {};
  }
  [[nodiscard]] Status decode(const TypeInfo& type, std::string_view /*event_type*/,
                              std::string_view bytes, void* out) const override {
    return decode_binary(type, bytes, out);
  }
};

class KeySerde final : public Serde {
 public:
  [[nodiscard]] std::string_view name() const override { return "key"; }
  [[nodiscard]] Status encode(const TypeInfo& type, const void* value,
                              std::string& out) const override {
    encode_key(type, value, out);
    return {};
  }
  [[nodiscard]] Status decode(const TypeInfo& type, std::string_view /*event_type*/,
                              std::string_view bytes, void* out) const override {
    return decode_key(type, bytes, out);
  }
};

// One that lives for the whole program has no count of its users, which all threads would change.
template <class S>
const SerdePtr& uncounted() {
  static const S serde;
  static const SerdePtr pointer(std::shared_ptr<void>(), &serde);
  return pointer;
}

std::string failed(const Serde& serde, std::string_view what) {
  return std::string("serde ").append(serde.name()).append(": ").append(what);
}

}  // namespace

bool Serde::needs_event_type(const TypeInfo& /*type*/) const { return false; }

const SerdePtr& json_serde() { return uncounted<JsonSerde>(); }
const SerdePtr& binary_serde() { return uncounted<BinarySerde>(); }
const SerdePtr& key_serde() { return uncounted<KeySerde>(); }

void encode_with(const Serde& serde, const TypeInfo& type, const void* value, std::string& out) {
  if (const Status encoded = serde.encode(type, value, out); !encoded)
    throw std::runtime_error(failed(serde, encoded.error().to_string()));
}

Status decode_with(const Serde& serde, const TypeInfo& type, std::string_view event_type,
                   std::string_view bytes, void* out) {
  try {
    return serde.decode(type, event_type, bytes, out);
  } catch (const SimulatedDeath&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;  // nothing is wrong with the bytes
  } catch (const std::exception& thrown) {
    return fail(errc::serde_failed, failed(serde, thrown.what()));
  } catch (...) {
    return fail(errc::serde_failed, failed(serde, "an exception that is no std::exception"));
  }
}

}  // namespace millrace::codec
