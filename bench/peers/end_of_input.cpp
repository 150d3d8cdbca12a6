// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "peers/end_of_input.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace millrace::bench {

EndOfInput::EndOfInput(std::function<void()> wake)
    : wake_(std::move(wake)), thread_([this] {
        char byte = 0;
        ssize_t got = 0;
        do {
          got = ::read(STDIN_FILENO, &byte, 1);
        } while (got > 0 || (got < 0 && errno == EINTR));
        reached_ = true;
        wake_();
      }) {}

EndOfInput::~EndOfInput() {
  // Without the end of the input there is no way to end the thread; the program is ending anyway.
  if (reached_) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void print_ready() {
  std::printf("READY\n");
  std::fflush(stdout);
}

}  // namespace millrace::bench
