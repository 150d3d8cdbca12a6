// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

namespace millrace::http {

/// How far a message is read.
enum class ReadState { need_more, done, failed };

}  // namespace millrace::http
