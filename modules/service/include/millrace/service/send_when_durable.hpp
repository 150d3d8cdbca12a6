// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/http/message.hpp"
#include "millrace/http/responder.hpp"
#include "millrace/service/durability_gate.hpp"

namespace millrace::service {

/// Responds when what the response shows, the log up to `position`, is durable; with 503 when it
/// cannot become so. Any thread.
void send_when_durable(DurabilityGate& durability, const log::LogPosition& position,
                       http::Response response, http::Responder responder);

}  // namespace millrace::service
