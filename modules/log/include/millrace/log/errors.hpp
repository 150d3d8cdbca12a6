// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::log::errc {

// Inside of millrace::log, errc:: also finds the general codes.
using namespace ::millrace::errc;

/// No backend for this URL is registered in the program. Remedy: use one of the URLs that the
/// message names, or link and register the backend.
inline constexpr ErrorCode unsupported_scheme{"log.unsupported_scheme"};
/// The backend of this log does not support the operation or the setting. Nothing was changed.
/// Remedy: the message says what to use instead.
inline constexpr ErrorCode unsupported{"log.unsupported"};
/// The topic does not exist. Remedy: start the service that owns it, or create it.
inline constexpr ErrorCode unknown_topic{"log.unknown_topic"};
/// The topic was deleted while the handle still used it. A topic that was created again under the
/// same name is another topic, with offsets and positions of its own. Remedy: find the topic again
/// by its name, and decide where to continue in it; a service has to be started again.
inline constexpr ErrorCode topic_replaced{"log.topic_replaced"};
/// The topic has no partition with this number. Remedy: use one of the partitions that the message
/// names.
inline constexpr ErrorCode unknown_partition{"log.unknown_partition"};
/// The topic exists with another specification: number of partitions, kind or owner.
/// Remedy: declare the specification that the message shows, or use another name.
inline constexpr ErrorCode topic_mismatch{"log.topic_mismatch"};
/// The service may not write to this topic, because another service owns it. Remedy: only the owner
/// publishes events; send a command to the owner.
inline constexpr ErrorCode not_owner{"log.not_owner"};
/// Another member has the claim now, so the commit was refused and nothing was written. Remedy:
/// drop the work and poll the membership. If this occurs often, look for pauses that are longer
/// than the session.
inline constexpr ErrorCode fenced{"log.fenced"};
/// A record or a transaction is larger than the limit that the message names. Nothing was written.
/// Remedy: split the record or the transaction, or raise the limit.
inline constexpr ErrorCode too_large{"log.too_large"};
/// The timestamp of a record is further in the future than `max_future_ms` of the log's options, or
/// than `message.timestamp.after.max.ms` of the broker, allows. Nothing was written. Remedy:
/// correct the timestamp of the record, or the clock of this machine. A tool that copies records
/// allows any timestamp.
inline constexpr ErrorCode time_out_of_bounds{"log.time_out_of_bounds"};
/// The log refused a record because of its content, such as a record without a key in a compacted
/// topic. Nothing was written. Remedy: write another record, or change the configuration of the
/// topic.
inline constexpr ErrorCode record_refused{"log.record_refused"};
/// The log does not have the records that were requested. Retention removed them, or the offset is
/// after the end, or the log lost commits that a file outside of it depends on. Remedy: for a
/// reader, choose the offset at which to continue; the message has the first and the last one. For
/// a snapshot there is nothing to do: it is written again. For another file outside of the log,
/// restore the log that belongs to it, or treat the file as one of another log.
inline constexpr ErrorCode out_of_range{"log.out_of_range"};
/// A file outside of the log depends on a history that this log does not know. The file belongs to
/// another log, the log was restored from a backup, or the log no longer stores this history.
/// Remedy: none for a snapshot, which is written again. Treat another file as a file of another
/// log.
inline constexpr ErrorCode unknown_lineage{"log.unknown_lineage"};
/// It is not known whether the commit took place. Remedy: repeat it with the same producer name and
/// sequence: the second call returns the outcome of the first one.
inline constexpr ErrorCode outcome_unknown{"log.outcome_unknown"};
/// The disk is full. Nothing was written, and no acknowledged record is lost. Remedy: free some
/// room; appends then work again, without a restart.
inline constexpr ErrorCode disk_full{"log.disk_full"};
/// Bytes that were durable have changed, or the control file contradicts itself. Remedy: restore
/// the file that the message names from a good copy, or run `millrace log repair --dry-run` to see
/// which commits a repair would cut.
inline constexpr ErrorCode corrupt{"log.corrupt"};
/// A sync failed, so it is not known which records are on the disk. The log refuses appends.
/// Remedy: check the disk, stop all processes, and run `millrace log repair`.
inline constexpr ErrorCode failed_sync{"log.failed_sync"};
/// A newer version wrote the log, or a process of another version or in another PID namespace has
/// it open, or the record was not written because older members would not understand it. Remedy:
/// run one version, on one machine and in one PID namespace, for all processes of a log; stop or
/// upgrade the processes that the message names.
inline constexpr ErrorCode incompatible{"log.incompatible"};
/// The process that holds the writer lock makes no progress, and this process may not kill it.
/// Remedy: kill the pid in the message, and run all processes of a log as one user.
inline constexpr ErrorCode stuck_holder{"log.stuck_holder"};
/// The handle was closed or its member was expelled, the log was replaced or repaired, or an
/// exception ended the writer of records. Remedy: open the log, or the writer, again.
inline constexpr ErrorCode closed{"log.closed"};
/// The cluster, or a part of it that is needed, did not respond in time. No acknowledged record is
/// lost. Remedy: services try again, so nothing is to be done if the cluster responds again.
/// Otherwise fix the connection as the message says.
inline constexpr ErrorCode unavailable{"log.unavailable"};
/// The ACLs of the cluster do not permit the operation. Remedy: grant the operation on the resource
/// that the message names; `millrace acls` prints what a service needs.
inline constexpr ErrorCode not_authorized{"log.not_authorized"};
/// A broker refused a request; the message has Kafka's name of the error. Remedy: look that name up
/// in Kafka's documentation.
inline constexpr ErrorCode refused_by_broker{"log.refused_by_broker"};
/// The handle can only read, because it was opened for reading only or the directory could not be
/// written. Nothing was written. Remedy: fix the reason in the message, such as a full disk, a
/// read-only mount or the directory of another user, then open the log again.
inline constexpr ErrorCode read_only{"log.read_only"};
/// A table of fixed size in the log is full. Remedy: the message names the table. Use fewer of its
/// entries, or a second log.
inline constexpr ErrorCode limit{"log.limit"};

}  // namespace millrace::log::errc
