// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <new>

#include "millrace/codec/type_info.hpp"

namespace millrace::stream::detail {

/// An object of a type known only at run time, kept by a node from message to message so that
/// decoding into it finds its buffers again.
class TypedObject {
 public:
  explicit TypedObject(const codec::TypeInfo& type)
      : type_(&type), memory_(::operator new(type.size, std::align_val_t{type.alignment})) {
    type_->construct(memory_);
  }
  ~TypedObject() {
    type_->destroy(memory_);
    ::operator delete(memory_, std::align_val_t{type_->alignment});
  }
  TypedObject(const TypedObject&) = delete;
  TypedObject& operator=(const TypedObject&) = delete;

  [[nodiscard]] void* get() const { return memory_; }
  [[nodiscard]] const codec::TypeInfo& type() const { return *type_; }

 private:
  const codec::TypeInfo* type_;
  void* memory_;
};

}  // namespace millrace::stream::detail
