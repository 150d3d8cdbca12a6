// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::log::errc {

// The general codes are found here too, so that errc:: means both inside of millrace::log.
using namespace ::millrace::errc;

/// The URL is of no backend that this program has registered. Remedy: use one of the URLs that the
/// message names, or link and register the backend.
inline constexpr ErrorCode unsupported_scheme{"log.unsupported_scheme"};
/// The topic does not exist. Remedy: start the service that owns it, or create it.
inline constexpr ErrorCode unknown_topic{"log.unknown_topic"};
/// The topic has no such partition. Remedy: take one of those that the message names.
inline constexpr ErrorCode unknown_partition{"log.unknown_partition"};
/// The topic exists with another specification. Remedy: ask for the one that the message shows.
inline constexpr ErrorCode topic_mismatch{"log.topic_mismatch"};
/// The service may not write to this topic. Remedy: only its owner publishes events; send the owner
/// a command.
inline constexpr ErrorCode not_owner{"log.not_owner"};
/// The claim was replaced: another member owns the unit now. Nothing was written. Remedy: drop the
/// work and poll the membership.
inline constexpr ErrorCode fenced{"log.fenced"};
/// It is above the limit that the message names; nothing was written. Remedy: split what you write.
inline constexpr ErrorCode too_large{"log.too_large"};
/// A record's time is further ahead of the clock than `max_future_ms` of the log's options, or than
/// the broker's `message.timestamp.after.max.ms`; nothing was written. Remedy: correct the time of
/// the record, or the clock of this machine; a tool that copies records allows any time.
inline constexpr ErrorCode time_out_of_bounds{"log.time_out_of_bounds"};
/// The log does not take a record because of what it says, such as one without a key in a compacted
/// topic; nothing was written. Remedy: write another record, or change what the topic allows.
inline constexpr ErrorCode record_refused{"log.record_refused"};
/// No such offset is kept. Remedy: choose where to go on; the message names the first and the last.
inline constexpr ErrorCode out_of_range{"log.out_of_range"};
/// Whether the commit took place is not known. Remedy: repeat it with the same producer name and
/// sequence.
inline constexpr ErrorCode outcome_unknown{"log.outcome_unknown"};
/// The disk is full. Nothing was written and nothing acknowledged is lost. Remedy: free some room;
/// appends then work again, without a restart.
inline constexpr ErrorCode disk_full{"log.disk_full"};
/// Bytes that were durable have changed, or the control file contradicts itself. Remedy: put a good
/// copy of the named file back, or see what `millrace log repair --dry-run` would cut.
inline constexpr ErrorCode corrupt{"log.corrupt"};
/// A sync failed; the log takes no appends. Remedy: fix the disk, stop all, `millrace log repair`.
inline constexpr ErrorCode failed_sync{"log.failed_sync"};
/// The log is of a newer version, or in use by another version or from another PID namespace; or a
/// record was not written that older members would not understand. Remedy: one version, one machine
/// and one PID namespace for all processes of a log; stop or upgrade those that the message names.
inline constexpr ErrorCode incompatible{"log.incompatible"};
/// The holder of the log's lock makes no progress and may not be killed from here. Remedy: kill the
/// pid that the message names, and run all processes of a log under one user.
inline constexpr ErrorCode stuck_holder{"log.stuck_holder"};
/// The handle was closed or evicted, or its log was replaced or repaired. Remedy: open it again.
inline constexpr ErrorCode closed{"log.closed"};
/// The cluster, or the part of it that is needed, did not answer in time. Nothing is known to be
/// lost. Remedy: none is needed when it comes back, services wait; else see what the message says
/// of the connection.
inline constexpr ErrorCode unavailable{"log.unavailable"};
/// The cluster does not permit it. Remedy: grant the operation on the resource that the message
/// names.
inline constexpr ErrorCode not_authorized{"log.not_authorized"};
/// The cluster refused a request for the reason in the message. Remedy: as Kafka's name of the
/// error says.
inline constexpr ErrorCode refused_by_broker{"log.refused_by_broker"};
/// The handle can only read: it was opened so, or the directory could not be written to. Nothing
/// was written. Remedy: what the message gives as the reason, such as a full disk, a read-only
/// mount or another user's directory; then open the log again.
inline constexpr ErrorCode read_only{"log.read_only"};
/// A fixed table of the log is full. Remedy: use less of what the message names, or a second log.
inline constexpr ErrorCode limit{"log.limit"};

}  // namespace millrace::log::errc
