// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/fault_point.hpp"

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

namespace millrace {
namespace {

struct PlannedFault {
  std::string point;
  std::uint64_t nth = 1;
  int signal = SIGKILL;
  std::atomic<std::uint64_t> passes{0};
};

// A plan that is quietly ignored would let a test pass without its fault.
[[noreturn]] void refuse(std::string_view entry) {
  std::fprintf(stderr, "millrace: MILLRACE_FAULT: '%.*s' is not point[:nth[:kill|stop]]\n",
               static_cast<int>(entry.size()), entry.data());
  std::_Exit(2);
}

std::string_view cut(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view piece = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return piece;
}

std::deque<PlannedFault> read_plan(const char* text) {
  std::deque<PlannedFault> plan;
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const std::string_view entry = cut(rest, ',');
    std::string_view parts = entry;
    PlannedFault& fault = plan.emplace_back();
    fault.point = cut(parts, ':');
    const std::string_view nth = cut(parts, ':');
    if (!nth.empty()) {
      const auto [end, error] = std::from_chars(nth.data(), nth.data() + nth.size(), fault.nth);
      if (error != std::errc{} || end != nth.data() + nth.size() || fault.nth == 0) {
        refuse(entry);
      }
    }
    if (parts == "stop") {
      fault.signal = SIGSTOP;
    } else if (!parts.empty() && parts != "kill") {
      refuse(entry);
    }
    if (fault.point.empty()) {
      refuse(entry);
    }
  }
  return plan;
}

void follow_environment(std::string_view point) {
  // Never destroyed: threads may pass fault points while the process exits.
  static std::deque<PlannedFault>& plan =
      *new std::deque<PlannedFault>(read_plan(std::getenv("MILLRACE_FAULT")));
  for (PlannedFault& fault : plan) {
    if (fault.point == point &&
        fault.passes.fetch_add(1, std::memory_order_relaxed) + 1 == fault.nth) {
      // To this thread, which would run on for a while if another one took the signal.
      ::raise(fault.signal);
    }
  }
}

std::atomic<FaultHandler> current{follow_environment};

}  // namespace

FaultHandler set_fault_handler(FaultHandler handler) {
  return current.exchange(handler == nullptr ? follow_environment : handler,
                          std::memory_order_acq_rel);
}

void detail::fault_point_reached(std::string_view point) {
  current.load(std::memory_order_acquire)(point);
}

}  // namespace millrace
