// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/crew.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <thread>
#include <vector>

#include "support/arguments.hpp"

namespace millrace::bench {

namespace {
constexpr std::int64_t look_again_ns = 200'000;
}

Crew::Crew() {
  void* memory =
      ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) give_up("no shared memory for the members of a measurement");
  board_ = ::new (memory) Board{};
}

Crew::~Crew() { ::munmap(board_, sizeof(Board)); }

void Turn::start() {
  board_.ready.fetch_add(1);
  while (board_.go.load() == 0)
    sleep_until_ns(now_ns() + look_again_ns);
  cpu_began_ns_ = cpu_ns();
}

Sample Turn::finish(Sample sample) {
  board_.outcomes[member_].ended_ns = now_ns();
  sample.cpu_seconds = static_cast<double>(cpu_ns() - cpu_began_ns_) / 1e9;
  sample.peak_rss_mb = peak_rss_mb();
  return sample;
}

void Crew::await_ready(int members) {
  while (board_->ready.load() < members) {
    // A member that died before the start would be waited for in vain.
    int status = 0;
    if (::waitpid(-1, &status, WNOHANG) > 0) give_up("a member of the measurement died");
    sleep_until_ns(now_ns() + look_again_ns);
  }
  board_->began_ns = now_ns();
  board_->go.store(1);
}

void Crew::run_processes(int members, const Work& work) {
  std::fflush(nullptr);
  for (int member = 0; member < members; ++member) {
    const pid_t child = ::fork();
    if (child < 0) give_up("fork failed");
    if (child == 0) {
      Turn turn(member, *board_);
      board_->outcomes[member].sample = work(turn);
      ::_exit(0);
    }
  }
  await_ready(members);
  bool died = false;
  for (int member = 0; member < members; ++member) {
    int status = 0;
    ::wait(&status);
    if (status != 0) {
      died = true;
      board_->stop.store(true);
    }
  }
  if (died) give_up("a member of the measurement died");
}

void Crew::run_threads(int members, const Work& work) {
  one_process_ = true;
  std::vector<std::thread> threads;
  for (int member = 0; member < members; ++member) {
    threads.emplace_back([this, member, &work] {
      Turn turn(member, *board_);
      board_->outcomes[member].sample = work(turn);
    });
  }
  await_ready(members);
  for (std::thread& thread : threads)
    thread.join();
}

Sample Crew::sum(int members) const {
  Sample total{.records = 0, .seconds = 0, .cpu_seconds = 0, .peak_rss_mb = 0};
  std::int64_t ended_ns = board_->began_ns;
  for (int member = 0; member < members; ++member) {
    const Board::Outcome& outcome = board_->outcomes[member];
    total.records += std::max(outcome.sample.records, 0.0);
    // What a process used is the same for all of its threads.
    const auto add = [this](double& sum, double more) {
      sum = one_process_ ? std::max(sum, more) : sum + more;
    };
    add(total.cpu_seconds, outcome.sample.cpu_seconds);
    add(total.peak_rss_mb, outcome.sample.peak_rss_mb);
    ended_ns = std::max(ended_ns, outcome.ended_ns);
  }
  total.seconds = static_cast<double>(ended_ns - board_->began_ns) / 1e9;
  return total;
}

}  // namespace millrace::bench
