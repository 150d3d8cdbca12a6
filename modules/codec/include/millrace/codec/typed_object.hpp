// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/codec/type_info.hpp"

namespace millrace::codec {

/// An object of a type that is known only at run time. It starts default-constructed; decoding into
/// it again and again reuses its buffers. Not thread-safe.
class TypedObject {
 public:
  explicit TypedObject(const TypeInfo& type);
  ~TypedObject();
  TypedObject(const TypedObject&) = delete;
  TypedObject& operator=(const TypedObject&) = delete;

  [[nodiscard]] void* get() const { return memory_; }
  [[nodiscard]] const TypeInfo& type() const { return *type_; }

 private:
  const TypeInfo* type_;
  void* memory_;
};

}  // namespace millrace::codec
