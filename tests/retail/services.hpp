// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness.hpp"
#include "millrace/http/message.hpp"
#include "process.hpp"
#include "run.hpp"

namespace retail_test {

/// What all services of a system under test get.
struct ServicesOptions {
  std::string stock = "ample";
  std::string log = {};                     ///< directory or URL; default DATA/log
  std::vector<std::string> arguments = {};  ///< of every service
};

/// How one service is started.
struct ServiceStart {
  int instance = 1;
  std::string fault = {};  ///< MILLRACE_FAULT
  std::vector<std::string> arguments = {};
};

/// The services of a system, started one by one as processes of the test, without a supervisor.
/// One thread, but for url(), get() and post().
class Services {
 public:
  explicit Services(const TemporaryDirectory& directory, ServicesOptions options = {});

  /// Starts a service and does not wait for it. `name` is `stock`; a further instance is called
  /// `stock-2` elsewhere.
  void start(const std::string& name, const ServiceStart& how = {});
  /// Starts all seven, or all but those named.
  void start_all(const std::vector<std::string>& but = {});
  /// Waits until the service, or all that were started, answer /readyz with 200.
  [[nodiscard]] testing::AssertionResult ready(const std::string& name) const;
  [[nodiscard]] testing::AssertionResult all_ready() const;
  /// Whether all that were started answer /readyz with 200 now.
  [[nodiscard]] bool up() const;
  [[nodiscard]] Process& process(const std::string& name) { return *running_.at(name); }
  /// Kills a service, or all at once, by SIGKILL.
  void kill(const std::string& name);
  void kill_all();
  /// Ends all by SIGTERM; succeeds when each drained and exited with 0.
  [[nodiscard]] testing::AssertionResult stop_all();

  /// Of a service's HTTP server, from its run file; empty while there is none.
  [[nodiscard]] std::string url(const std::string& name) const;
  /// Status 0: there was no answer.
  [[nodiscard]] millrace::http::Response get(const std::string& name,
                                             const std::string& target) const;
  [[nodiscard]] millrace::http::Response post(const std::string& target, const std::string& body,
                                              millrace::http::Headers headers = {},
                                              const std::string& storefront = "storefront") const;
  /// The value of a metric without labels; nothing when the service does not show it.
  [[nodiscard]] std::optional<double> metric(const std::string& name,
                                             std::string_view metric) const;
  /// What the service wrote to its log so far.
  [[nodiscard]] std::string log_of(const std::string& name) const;

  /// Waits until that many requests are final, no group has anything left to read and nothing is
  /// under way.
  [[nodiscard]] testing::AssertionResult at_rest(std::int64_t final_requests) const;

  [[nodiscard]] std::string log_directory() const { return options_.log; }
  [[nodiscard]] std::string log_url() const { return url_of_log(options_.log); }

 private:
  [[nodiscard]] bool idle() const;
  std::string data_;
  ServicesOptions options_;
  std::map<std::string, std::unique_ptr<Process>> running_;
  std::vector<std::string> order_;
};

}  // namespace retail_test
