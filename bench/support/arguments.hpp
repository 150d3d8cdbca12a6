// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <type_traits>

#include "millrace/base/error.hpp"

namespace millrace::bench {

/// What a measurement was asked for: `CASE SYSTEM name=value...`. Asking for a parameter without a
/// default that was not given ends the program with the reason.
class Arguments {
 public:
  /// Ends the program with the usage when there are fewer than two.
  Arguments(int argc, const char* const* argv);

  [[nodiscard]] const std::string& bench_case() const { return case_; }
  /// `millrace` or a neighbour.
  [[nodiscard]] const std::string& system() const { return system_; }
  [[nodiscard]] std::string text(const std::string& name) const;
  [[nodiscard]] std::int64_t number(const std::string& name) const;
  [[nodiscard]] std::int64_t number(const std::string& name, std::int64_t otherwise) const;

 private:
  std::string case_;
  std::string system_;
  std::map<std::string, std::string> values_;
};

/// Prints why the measurement cannot continue and ends the program at once, whichever thread or
/// process calls.
[[noreturn]] void give_up(const std::string& reason);

/// The value, or the end of the measurement.
template <class T>
T must(Result<T> result) {
  if (!result) give_up(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace millrace::bench
