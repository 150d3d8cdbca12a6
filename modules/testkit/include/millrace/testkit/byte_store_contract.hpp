// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>

#include "millrace/stream/byte_store.hpp"

namespace millrace::testkit {

/// Tests the contract of a stream::ByteStore implementation. Throws a TestError that names the rule
/// that the store breaks. `make` must return a new, empty store at each call.
void check_byte_store(const std::function<std::unique_ptr<stream::ByteStore>()>& make);

}  // namespace millrace::testkit
