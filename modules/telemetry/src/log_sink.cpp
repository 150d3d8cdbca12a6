// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/log_sink.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "millrace/base/file_system.hpp"

namespace millrace::telemetry {
namespace {

class FdSink final : public LogSink {
 public:
  FdSink(int fd, bool owned) : fd_(fd), owned_(owned) {}
  ~FdSink() override {
    if (owned_) {
      ::close(fd_);
    }
  }
  FdSink(const FdSink&) = delete;
  FdSink& operator=(const FdSink&) = delete;

  void write(std::string_view line) override {
    while (!line.empty()) {
      const ssize_t written = ::write(fd_, line.data(), line.size());
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written <= 0) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return;
      }
      line.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  std::uint64_t lost() const override { return lost_.load(std::memory_order_relaxed); }

 private:
  int fd_;
  bool owned_;
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace

std::shared_ptr<LogSink> stderr_sink() {
  static const std::shared_ptr<LogSink> sink = std::make_shared<FdSink>(STDERR_FILENO, false);
  return sink;
}

Result<std::shared_ptr<LogSink>> file_sink(const std::string& path) {
  const auto fd = open_to_append(path);
  if (!fd) {
    return fail(errc::io_error,
                "the log file: {}; check that its directory exists and may be written to",
                fd.error().message());
  }
  return std::shared_ptr<LogSink>(std::make_shared<FdSink>(*fd, true));
}

void CapturingSink::write(std::string_view line) {
  if (line.ends_with('\n')) {
    line.remove_suffix(1);
  }
  const MutexLock lock(mutex_);
  lines_.emplace_back(line);
}

std::vector<std::string> CapturingSink::lines() const {
  const MutexLock lock(mutex_);
  return lines_;
}

bool CapturingSink::contains(std::string_view text) const {
  const MutexLock lock(mutex_);
  return std::any_of(lines_.begin(), lines_.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace millrace::telemetry
