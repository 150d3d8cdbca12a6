// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/typed_object.hpp"

#include <new>

namespace millrace::codec {

TypedObject::TypedObject(const TypeInfo& type)
    : type_(&type), memory_(::operator new(type.size, std::align_val_t{type.alignment})) {
  type_->construct(memory_);
}

TypedObject::~TypedObject() {
  type_->destroy(memory_);
  ::operator delete(memory_, std::align_val_t{type_->alignment});
}

}  // namespace millrace::codec
