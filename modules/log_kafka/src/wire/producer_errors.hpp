// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "wire/messages.hpp"

// What errors of brokers mean for a transactional producer.
namespace millrace::log::kafka::wire {

/// The producer can never commit again.
[[nodiscard]] bool ends_producer(Code code);

/// The leader and we count the records of the producer's epoch differently.
[[nodiscard]] bool lost_count(Code code);

}  // namespace millrace::log::kafka::wire
