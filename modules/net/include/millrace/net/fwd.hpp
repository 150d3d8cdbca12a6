// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

namespace millrace::net {

struct Address;
class Socket;
class Stream;

}  // namespace millrace::net
