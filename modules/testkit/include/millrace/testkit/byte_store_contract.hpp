// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>

#include "millrace/stream/byte_store.hpp"

namespace millrace::testkit {

/// The contract of stream::ByteStore as a test, for each implementation: throws a TestError that
/// names the promise that it breaks. `make` returns a new, empty store at each call.
void check_byte_store(const std::function<std::unique_ptr<stream::ByteStore>()>& make);

}  // namespace millrace::testkit
