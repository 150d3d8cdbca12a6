// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/codec/type_info.hpp"

namespace millrace::codec {

/// Both describe one type: name without namespaces, size, members, their offsets and encoded forms
/// are the same, all the way down; members that are not described are not compared. A type may have
/// more than one description, such as one in each shared library, so compare descriptions by this,
/// never by their addresses. Objects of one are used as objects of the other. Thread-safe; for the
/// construction of programs, not for each record.
[[nodiscard]] bool is_same_type(const TypeInfo& a, const TypeInfo& b);

}  // namespace millrace::codec
