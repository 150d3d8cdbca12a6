// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

namespace millrace::net {

struct SaslAccount;
class SaslExchange;
class TlsContext;
struct TlsSetting;
struct TlsSettings;

}  // namespace millrace::net
