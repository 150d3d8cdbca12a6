// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/codec/codec.hpp"
#include "millrace/codec/serde.hpp"

namespace millrace::stream::test {

/// A serde of a user's own: a tag before the bytes of another serde, which it calls.
class Tagged final : public codec::Serde {
 public:
  explicit Tagged(std::string name, codec::SerdePtr inner = codec::json_serde())
      : name_(std::move(name)), inner_(std::move(inner)) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view content_type() const override { return "text/tagged"; }
  [[nodiscard]] bool needs_event_type(const codec::TypeInfo& type) const override {
    return inner_->needs_event_type(type);
  }
  [[nodiscard]] Status encode(const codec::TypeInfo& type, const void* value,
                              std::string& out) const override {
    if (on_encode) on_encode();
    out.append(name_).append("#");
    return inner_->encode(type, value, out);
  }
  /// An error for bytes without the tag; an exception for those that are the word `throw` alone.
  [[nodiscard]] Status decode(const codec::TypeInfo& type, std::string_view event_type,
                              std::string_view bytes, void* out) const override {
    if (on_decode) on_decode();
    if (bytes == "throw") throw std::runtime_error("no schema");
    if (!bytes.starts_with(name_ + "#")) return fail(codec::errc::malformed, "no tag " + name_);
    return inner_->decode(type, event_type, bytes.substr(name_.size() + 1), out);
  }

  /// Called first by encode().
  std::function<void()> on_encode;
  /// Called first by decode().
  std::function<void()> on_decode;

 private:
  std::string name_;
  codec::SerdePtr inner_;
};

inline std::shared_ptr<Tagged> tagged(std::string name = "tagged",
                                      codec::SerdePtr inner = codec::json_serde()) {
  return std::make_shared<Tagged>(std::move(name), std::move(inner));
}

}  // namespace millrace::stream::test
