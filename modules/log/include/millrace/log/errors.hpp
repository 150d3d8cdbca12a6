// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::log::errc {

// The general codes are found here too, so that errc:: means both inside of millrace::log.
using namespace ::millrace::errc;

/// The topic does not exist. Remedy: start the service that owns it, or create it.
inline constexpr ErrorCode unknown_topic{"log.unknown_topic"};
/// The topic has no such partition.
inline constexpr ErrorCode unknown_partition{"log.unknown_partition"};
/// A topic of that name exists with another configuration, kind or owner. The message shows both.
inline constexpr ErrorCode topic_mismatch{"log.topic_mismatch"};
/// The service may not write to this topic. Remedy: only its owner publishes events; send the owner
/// a command.
inline constexpr ErrorCode not_owner{"log.not_owner"};
/// The claim was replaced: another member owns the unit now. Nothing was written. Remedy: drop the
/// work and poll the membership.
inline constexpr ErrorCode fenced{"log.fenced"};
/// A record or transaction is above the limit that the message names. Nothing was written.
inline constexpr ErrorCode too_large{"log.too_large"};
/// The offset is below the first or above the last one kept; the message names both.
inline constexpr ErrorCode out_of_range{"log.out_of_range"};
/// Whether the commit took place is not known. Remedy: repeat it with the same producer name and
/// sequence.
inline constexpr ErrorCode outcome_unknown{"log.outcome_unknown"};
/// The disk is full. Nothing was written and nothing acknowledged is lost; appends work again as
/// soon as there is room.
inline constexpr ErrorCode disk_full{"log.disk_full"};
/// Bytes below the proven durable position do not check. The message names file and position.
/// Remedy: `millrace log verify`.
inline constexpr ErrorCode corrupt{"log.corrupt"};
/// A sync failed earlier; the log takes no appends. Remedy: `millrace log repair`.
inline constexpr ErrorCode failed_sync{"log.failed_sync"};
/// The directory was written by a newer version, or is in use from another machine or PID
/// namespace.
inline constexpr ErrorCode incompatible{"log.incompatible"};
/// The holder of the log's lock makes no progress and may not be killed from here; the message
/// names its pid.
inline constexpr ErrorCode stuck_holder{"log.stuck_holder"};
/// The handle was closed, interrupted for good, or used after fork.
inline constexpr ErrorCode closed{"log.closed"};
/// A fixed table of the log is full; the message names it and its limit.
inline constexpr ErrorCode limit{"log.limit"};

}  // namespace millrace::log::errc
