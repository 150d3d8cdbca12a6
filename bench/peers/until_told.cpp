// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "peers/until_told.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace millrace::bench {

UntilTold::UntilTold(std::function<void()> wake)
    : wake_(std::move(wake)), thread_([this] {
        char byte = 0;
        ssize_t got = 0;
        do {
          got = ::read(STDIN_FILENO, &byte, 1);
        } while (got > 0 || (got < 0 && errno == EINTR));
        told_ = true;
        wake_();
      }) {}

UntilTold::~UntilTold() {
  // Without the end of the input there is no way to end the thread; the program is ending anyway.
  if (told_) {
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
