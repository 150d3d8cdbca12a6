// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string_view>

extern char** environ;

namespace retail_test {

namespace {

// What the user who runs the tests has set for other services must not reach those of a test.
bool is_passed_on(std::string_view variable) {
  return !variable.starts_with("MILLRACE_") || variable.starts_with("MILLRACE_TEST_") ||
         variable.starts_with("MILLRACE_KAFKA_");
}

// What the child needs between fork and exec, where nothing may be allocated.
struct Launch {
  explicit Launch(const Command& command) {
    for (const std::string& word : command.words)
      arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    for (const auto& [name, value] : command.environment)
      added.push_back(name + "=" + value);
    for (std::string& one : added)
      variables.push_back(one.data());
    for (char** one = environ; *one != nullptr; ++one) {
      if (is_passed_on(*one)) variables.push_back(*one);
    }
    variables.push_back(nullptr);
  }
  std::vector<char*> arguments;
  std::vector<std::string> added;
  std::vector<char*> variables;
};

[[noreturn]] void become(const Launch& launch, pid_t parent, int output, int report) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  if (output >= 0) {
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
  }
  ::execve(launch.arguments[0], launch.arguments.data(), launch.variables.data());
  const int why = errno;
  static_cast<void>(!::write(report, &why, sizeof why));
  ::_exit(127);
}

}  // namespace

std::string to_string(const Exit& exit) {
  if (exit.signal != 0) return std::string("killed by SIG") + ::sigabbrev_np(exit.signal);
  return "exit " + std::to_string(exit.code);
}

Process::Process(const Command& command) {
  const Launch launch(command);
  int output = -1;
  if (!command.output.empty()) {
    output = ::open(command.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (output < 0) throw std::runtime_error(command.output + ": " + std::strerror(errno));
  }
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) throw std::runtime_error(std::strerror(errno));
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(launch, parent, output, report[1]);
  ::close(report[1]);
  if (output >= 0) ::close(output);
  int why = 0;
  const bool failed = ::read(report[0], &why, sizeof why) == sizeof why;
  ::close(report[0]);
  if (failed) {
    ::waitpid(pid_, nullptr, 0);
    throw std::runtime_error(command.words[0] + ": " + std::strerror(why));
  }
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
}

Process::~Process() {
  if (pid_ != 0) kill();
  if (pidfd_ >= 0) ::close(pidfd_);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      exit_(other.exit_) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(exit_, other.exit_);
  return *this;
}

void Process::signal(int number) const {
  if (!exit_) ::kill(pid_, number);
}

void Process::reap() {
  siginfo_t info{};
  if (exit_ || ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0)
    return;
  exit_ = info.si_code == CLD_EXITED ? Exit{info.si_status, 0} : Exit{-1, info.si_status};
}

bool Process::running() {
  reap();
  return !exit_;
}

bool Process::stopped() const {
  const std::string stat = read_text("/proc/" + std::to_string(pid_) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.compare(name_end, 3, ") T") == 0;
}

std::optional<Exit> Process::wait(std::chrono::milliseconds limit) {
  pollfd watched{pidfd_, POLLIN, 0};
  if (!exit_) ::poll(&watched, 1, static_cast<int>(limit.count()));
  reap();
  return exit_;
}

void Process::kill() {
  signal(SIGKILL);
  static_cast<void>(wait());
}

Finished run_program(Command command, const std::string& directory,
                     std::chrono::milliseconds limit) {
  static std::atomic<int> runs{0};
  command.output = directory + "/output-" + std::to_string(++runs);
  Process process(command);
  const auto exit = process.wait(limit);
  Finished finished{exit.value_or(Exit{}), read_text(command.output)};
  if (!exit)
    throw std::runtime_error(command.words[0] + " did not end; it said:\n" + finished.output);
  return finished;
}

}  // namespace retail_test
