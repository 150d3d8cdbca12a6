// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>

#include "millrace/base/file_system.hpp"
#include "millrace/base/interval.hpp"

extern char** environ;

namespace millrace::service {

namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t poll_ms_max = std::numeric_limits<int>::max();

std::string describe_exit(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return "exit " + std::to_string(info.si_status);
  return std::string("killed by SIG") + ::sigabbrev_np(info.si_status);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// The largest resident size of a running process. Not ru_maxrss, which counts what the process was
// before its exec: a copy of its parent.
std::int64_t peak_rss_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/status";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> status(std::fopen(path.c_str(), "re"),
                                                               &std::fclose);
  if (!status) return 0;
  long long kilobytes = 0;
  char line[256];
  while (std::fgets(line, sizeof line, status.get()) != nullptr) {
    if (std::sscanf(line, "VmHWM: %lld kB", &kilobytes) == 1) break;
  }
  return kilobytes * 1024;
}

// Processor time of a running process, all threads of it.
double cpu_seconds_of(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

// False when the process still runs after so long. Stopping and resuming us interrupts the wait,
// which then begins again.
bool await_end(int pidfd, std::int64_t timeout_ms) {
  pollfd watched{pidfd, POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&watched, 1, static_cast<int>(timeout_ms));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// Everything a child needs between fork and exec, where nothing may be allocated.
struct Launch {
  explicit Launch(const ChildSpec& spec) {
    for (const std::string& word : spec.command)
      arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    for (const auto& [name, value] : spec.environment)
      added.push_back(name + "=" + value);
    for (char** one = environ; *one != nullptr; ++one)
      environment.push_back(*one);
    for (std::string& one : added)
      environment.push_back(one.data());
    environment.push_back(nullptr);
  }
  std::vector<char*> arguments;
  std::vector<std::string> added;
  std::vector<char*> environment;
};

// Runs in the child; tells the parent why exec failed through `report`, which closes by itself when
// it succeeds.
[[noreturn]] void become(const Launch& launch, pid_t parent, int output, int report) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (output >= 0) {
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
  }
  ::execve(launch.arguments[0], launch.arguments.data(), launch.environment.data());
  const int why = errno;
  static_cast<void>(!::write(report, &why, sizeof why));
  ::_exit(127);
}

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return;
  }
  limit.rlim_cur = limit.rlim_max;
  // When the system refuses, the process keeps the limit that it has.
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

std::string_view to_string(ChildState state) {
  switch (state) {
    case ChildState::running:
      return "running";
    case ChildState::backing_off:
      return "backing off";
    case ChildState::stopped:
      return "stopped";
  }
  return "";
}

struct Supervisor::Child {
  ChildSpec spec;
  ChildState state = ChildState::stopped;
  pid_t pid = 0;
  int pidfd = -1;
  std::uint32_t starts = 0;
  std::int64_t started_ns = 0;
  std::int64_t restart_at_ns = 0;
  std::int64_t backoff_ms = 0;
  std::string last_exit;
  double cpu_seconds = 0;
  std::int64_t peak_rss_bytes = 0;
};

Supervisor::Supervisor(SupervisorOptions options, Clock& clock) : options_(options), clock_(clock) {
  // Who started us may have left it ignored: then the kernel tells nobody how children end.
  ::signal(SIGCHLD, SIG_DFL);
}

Supervisor::~Supervisor() {
  for (const auto& child : children_) {
    if (child->state != ChildState::running) continue;
    ::kill(child->pid, SIGKILL);
    ::waitpid(child->pid, nullptr, 0);
    ::close(child->pidfd);
  }
}

Status Supervisor::start(ChildSpec spec) {
  auto child = std::make_unique<Child>();
  child->spec = std::move(spec);
  MILLRACE_TRY(spawn(*child));
  children_.push_back(std::move(child));
  return {};
}

Status Supervisor::spawn(Child& child) {
  const Launch launch(child.spec);
  int output = -1;
  if (!child.spec.log_file.empty()) {
    MILLRACE_ASSIGN(output, open_to_append(child.spec.log_file));
  }
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) {
    const int why = errno;
    if (output >= 0) ::close(output);
    return fail(millrace::errc::io_error, "pipe: {}", std::strerror(why));
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(launch, parent, output, report[1]);
  ::close(report[1]);
  if (output >= 0) ::close(output);
  int why = 0;
  const bool failed = pid < 0 || ::read(report[0], &why, sizeof why) == sizeof why;
  ::close(report[0]);
  if (failed) {
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    return fail(millrace::errc::io_error, "{}: {}", child.spec.command[0],
                std::strerror(pid < 0 ? errno : why));
  }
  // A container may forbid it, and descriptors or memory may be used up.
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    const int reason = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail(millrace::errc::io_error,
                "{}: it was started and ended again, for it cannot be watched: pidfd_open: {}",
                child.spec.command[0], std::strerror(reason));
  }
  child.pid = pid;
  child.pidfd = pidfd;
  ::fcntl(child.pidfd, F_SETFD, FD_CLOEXEC);
  child.state = ChildState::running;
  child.started_ns = clock_.monotonic_ns();
  ++child.starts;
  return {};
}

void Supervisor::reap(Child& child) {
  siginfo_t info{};
  rusage usage{};
  // The C library's waitid has no room for the usage that the kernel's returns.
  const bool answered =
      ::syscall(SYS_waitid, P_PIDFD, child.pidfd, &info, WEXITED | WNOHANG, &usage) == 0;
  if (answered ? info.si_pid == 0 : errno != ECHILD) return;
  child.cpu_seconds += seconds(usage.ru_utime) + seconds(usage.ru_stime);
  ::close(child.pidfd);
  child.last_exit = answered ? describe_exit(info) : "ended, another process received how";
  child.pid = 0;
  const std::int64_t now = clock_.monotonic_ns();
  const bool was_healthy = now - child.started_ns >= ns_of_ms(options_.healthy_after_ms);
  child.backoff_ms =
      was_healthy || child.backoff_ms == 0
          ? options_.backoff_first_ms
          : std::min(saturating_add(child.backoff_ms, child.backoff_ms), options_.backoff_max_ms);
  child.restart_at_ns = saturating_add(now, ns_of_ms(child.backoff_ms));
  child.state = ChildState::backing_off;
}

void Supervisor::poll(std::int64_t timeout_ms, int extra_descriptor) {
  const std::int64_t now = clock_.monotonic_ns();
  std::int64_t until = saturating_add(now, ns_of_ms(timeout_ms));
  std::vector<pollfd> watched{{extra_descriptor, POLLIN, 0}};
  for (const auto& child : children_) {
    if (child->state == ChildState::running) watched.push_back({child->pidfd, POLLIN, 0});
    if (child->state == ChildState::backing_off) until = std::min(until, child->restart_at_ns);
  }
  ::poll(watched.data(), watched.size(),
         static_cast<int>(std::clamp<std::int64_t>((until - now) / ns_per_ms + 1, 0, poll_ms_max)));
  for (const auto& child : children_) {
    if (child->state == ChildState::running) reap(*child);
    if (child->state != ChildState::backing_off || child->restart_at_ns > clock_.monotonic_ns())
      continue;
    if (const Status started = spawn(*child); !started) {
      child->last_exit = started.error().message();
      child->restart_at_ns =
          saturating_add(clock_.monotonic_ns(), ns_of_ms(options_.backoff_max_ms));
    }
  }
}

Status Supervisor::signal(std::string_view name, int number) {
  const auto found = std::find_if(children_.begin(), children_.end(),
                                  [name](const auto& one) { return one->spec.name == name; });
  if (found == children_.end() || (*found)->state != ChildState::running) {
    return fail(millrace::errc::not_found, "{} is not running", name);
  }
  ::kill((*found)->pid, number);
  return {};
}

std::vector<std::string> Supervisor::stop_all(std::int64_t timeout_ms) {
  std::vector<std::string> killed;
  for (auto one = children_.rbegin(); one != children_.rend(); ++one) {
    Child& child = **one;
    if (child.state == ChildState::running) {
      child.peak_rss_bytes = std::max(child.peak_rss_bytes, peak_rss_of(child.pid));
      ::kill(child.pid, SIGTERM);
      if (!await_end(child.pidfd, timeout_ms)) {
        killed.push_back(child.spec.name);
        ::kill(child.pid, SIGKILL);
        static_cast<void>(await_end(child.pidfd, -1));
      }
      reap(child);
    }
    child.state = ChildState::stopped;
  }
  return killed;
}

std::vector<ChildStatus> Supervisor::status() const {
  std::vector<ChildStatus> result;
  for (const auto& child : children_) {
    double cpu_seconds = child->cpu_seconds;
    if (child->state == ChildState::running) {
      child->peak_rss_bytes = std::max(child->peak_rss_bytes, peak_rss_of(child->pid));
      cpu_seconds += cpu_seconds_of(child->pid);
    }
    result.push_back({child->spec.name, child->pid, child->state, child->starts, child->last_exit,
                      child->spec.log_file, cpu_seconds, child->peak_rss_bytes});
  }
  return result;
}

}  // namespace millrace::service
