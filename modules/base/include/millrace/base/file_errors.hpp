// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::errc {

/// The process or the machine has reached its limit of open files and sockets, so the file that the
/// message names could not be opened. The file itself is not damaged. Remedy: raise the limit
/// (`ulimit -n`, `LimitNOFILE=` of systemd), or close other files and sockets, then try again.
inline constexpr ErrorCode too_many_files{"base.too_many_files"};

}  // namespace millrace::errc
