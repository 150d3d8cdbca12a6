// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "opening_watch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "control.hpp"
#include "living.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::int64_t pause_ns = 5'000'000;
// From this layout on all begin alike up to the PID namespace.
constexpr std::uint32_t first_layout_of_openers = 13;
constexpr std::int64_t stuck_ns = 60'000'000'000;
constexpr std::int64_t longest_look_ns = 1'000'000'000;
// Most openings are done before the first line.
constexpr std::int64_t first_line_ns = 1'000'000'000;
constexpr std::int64_t line_ns = 5'000'000'000;

std::string mebibytes(std::uint64_t bytes) { return std::to_string((bytes + (1U << 19U)) >> 20U); }

}  // namespace

std::string OpeningWatch::Seen::to_string() const {
  return mebibytes(done) + " of " + mebibytes(all) + " MiB of its journal are read";
}

std::string OpeningWatch::Seen::name() const {
  return pid != 0 ? "process " + std::to_string(pid) : "a process of another PID namespace";
}

OpeningWatch::OpeningWatch(LogDirectory& directory)
    : directory_(directory),
      looked_ns_(directory.clock().monotonic_ns()),
      reported_ns_(looked_ns_) {}

Result<std::optional<OpeningWatch::Seen>> OpeningWatch::look() {
  // Not mapped: the process that opens the log may replace the file.
  MILLRACE_ASSIGN(const std::string bytes, directory_.region().head(offsetof(Control, log_id)));
  OpeningHead head{};
  std::uint64_t boot = 0;
  std::uint64_t pid_namespace = 0;
  if (bytes.size() < offsetof(Control, log_id)) {
    return std::nullopt;
  }
  std::memcpy(&head, bytes.data(), sizeof head);
  std::memcpy(&boot, bytes.data() + offsetof(Control, boot), sizeof boot);
  std::memcpy(&pid_namespace, bytes.data() + offsetof(Control, pid_namespace),
              sizeof pid_namespace);
  const SharedRegion::Identity self = directory_.region().identity();
  // A copy of a directory, and the time before the machine went down, say nothing of processes.
  if (head.head.magic != control_magic || head.head.layout < first_layout_of_openers ||
      head.opener == 0 || head.head.device != self.device || head.head.inode != self.inode ||
      boot != self.boot) {
    return std::nullopt;
  }
  return Seen{pid_namespace == self.pid_namespace ? head.opener : 0, head.steps, head.done,
              head.all};
}

Status OpeningWatch::wait() {
  MILLRACE_ASSIGN(const std::optional<Seen> seen, look());
  const std::int64_t now_ns = directory_.clock().monotonic_ns();
  // Time in which this process itself stood still counts little: the other one may have, too.
  idle_ns_ = seen == last_ ? idle_ns_ + std::min(now_ns - looked_ns_, longest_look_ns) : 0;
  last_ = seen;
  looked_ns_ = now_ns;
  if (idle_ns_ > stuck_ns) {
    return gave_up(seen);
  }
  if (seen && now_ns - reported_ns_ >= (reported_ ? line_ns : first_line_ns)) {
    report(*seen, now_ns);
  }
  std::uint32_t word = 0;
  directory_.region().wait(&word, 0, pause_ns);
  return {};
}

void OpeningWatch::report(const Seen& seen, std::int64_t now_ns) {
  reported_ = true;
  reported_ns_ = now_ns;
  if (const auto& notice = directory_.embedded_options().notice) {
    notice(directory_.path() + ": waiting for " + seen.name() +
           ", which opens this log: " + seen.to_string());
  }
}

std::unexpected<Error> OpeningWatch::gave_up(const std::optional<Seen>& seen) {
  if (seen) {
    return fail(millrace::errc::busy,
                "{}: {} opens this log and made no progress for a minute: {}; when it still runs, "
                "end it (kill -9), and open the log again",
                directory_.path(), seen->name(), seen->to_string());
  }
  return fail(millrace::errc::busy,
              "{}: other processes have this log open ({}), but its control file is missing, "
              "damaged or being made; stop them and open it again",
              directory_.path(), describe_living(directory_.region(), directory_.path()));
}

}  // namespace millrace::log::embedded
