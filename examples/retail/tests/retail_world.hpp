// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "millrace/testkit/world.hpp"
#include "retail/audit/audit.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/contracts/settings.hpp"
#include "retail/invoices/invoices.hpp"

namespace retail::test {

/// The first `count` invoices of the real file, and the three adjustments, which come late in it.
[[nodiscard]] std::vector<Invoice> some_invoices(std::size_t count);

/// The whole retail example in one thread under one seed.
class RetailWorld {
 public:
  RetailWorld(std::uint64_t seed, const Settings& settings,
              millrace::testkit::WorldOptions options = {}, int instances_of_stock = 1,
              int instances_of_storefront = 1);
  /// Asks as the HTTP side of the storefront would.
  void send(const Invoice& invoice);
  void ask(const RequestId& id, const RequestEvent& event, std::int64_t at_ms);
  /// Sends all with random steps in between, some of them twice, and comes to rest.
  void run(const std::vector<Invoice>& invoices);
  [[nodiscard]] AuditReport audit();
  [[nodiscard]] millrace::testkit::World& world() { return world_; }

 private:
  millrace::testkit::World world_;
};

/// Value of orders and of returns by country, computed from the file alone.
struct FileTotals {
  std::map<std::string, std::int64_t> revenue_milli, refunds_milli;
  std::int64_t orders = 0, returns = 0, write_offs = 0, adjustments = 0, lines = 0;
};
[[nodiscard]] FileTotals totals_of(const std::vector<Invoice>& invoices);

}  // namespace retail::test
