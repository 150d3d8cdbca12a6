// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/arguments.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace millrace::bench {

Arguments::Arguments(int argc, const char* const* argv) {
  if (argc < 3)
    give_up("usage: " + std::string(argc > 0 ? argv[0] : "bench") +
            " CASE SYSTEM name=value... (run by bench/run)");
  case_ = argv[1];
  system_ = argv[2];
  for (int i = 3; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto equals = argument.find('=');
    if (equals == std::string::npos) give_up("'" + argument + "' is not of the form name=value");
    values_[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
}

std::string Arguments::text(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) give_up("the case " + case_ + " needs " + name + "=...");
  return found->second;
}

std::int64_t Arguments::number(const std::string& name) const {
  const std::string value = text(name);
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  constexpr double number_max = 9e15;
  const bool fits = number >= -number_max && number <= number_max;  // not so of what is no number
  if (value.empty() || *end != '\0' || !fits) give_up(name + "=" + value + " is not a number");
  return static_cast<std::int64_t>(number);
}

std::int64_t Arguments::number(const std::string& name, std::int64_t otherwise) const {
  return values_.contains(name) ? number(name) : otherwise;
}

void give_up(const std::string& reason) {
  std::fprintf(stderr, "%s\n", reason.c_str());
  ::_exit(1);
}

}  // namespace millrace::bench
