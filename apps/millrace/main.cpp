// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <atomic>
#include <csignal>
#include <cstdio>

#include "descriptors.hpp"
#include "program.hpp"

namespace {

std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// The first one asks; if that takes too long for the user, the second one kills.
void ask_to_stop(int signal) {
  stop_asked.store(true);
  std::signal(signal, SIG_DFL);
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that has gone (`millrace tail ... | head`) is seen as a failed write: the log is
  // closed as it should be.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  millrace::cli::raise_descriptor_limit();
  millrace::cli::Output out(stdout);
  millrace::cli::Output notes(stderr);
  return millrace::cli::run_program({argv + 1, argv + argc}, out, notes, stop_asked);
}
