// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::errc {

/// The process, or the machine, has as many files and sockets open as it may: the one that the
/// message names could not be opened. Nothing is wrong with the file. Remedy: raise the limit
/// (`ulimit -n`, `LimitNOFILE=` of systemd), or end what keeps many sockets open; the operation can
/// then be tried again.
inline constexpr ErrorCode too_many_files{"base.too_many_files"};

}  // namespace millrace::errc
