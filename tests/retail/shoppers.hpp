// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "services.hpp"

namespace retail_test {

/// A request as it is posted.
struct Posting {
  std::string target;
  std::string id;
  std::string body;
};

/// An order of one line.
[[nodiscard]] Posting order(const std::string& id, const std::string& product = "85123A",
                            std::int64_t quantity = 1, std::int64_t unit_price_milli = 2'550,
                            const std::string& country = "United Kingdom");
/// A return of one line.
[[nodiscard]] Posting goods_return(const std::string& id, const std::string& product = "85123A");
/// A write-off of one line.
[[nodiscard]] Posting write_off(const std::string& id, const std::string& product = "85123A");
/// A mix of all kinds over several products and countries: mostly orders, of one to four lines. Ids
/// begin with `prefix`.
[[nodiscard]] std::vector<Posting> mixed_postings(const std::string& prefix, int count);

/// How Shoppers post.
struct Shopping {
  int at_once = 8;
  std::vector<std::string> ask = {"storefront"};  ///< in turn
};

/// Customers who post requests, a few at a time, each again and again until it is decided: a
/// refusal and a 202 (not decided within the time that a request waits) do not count. Runs in
/// threads of its own.
class Shoppers {
 public:
  /// `services` outlives the shoppers and starts or ends no service but through their processes
  /// while they shop.
  Shoppers(const Services& services, std::vector<Posting> postings, Shopping how = {});
  Shoppers(const Services& services, std::vector<Posting> postings, int at_once)
      : Shoppers(services, std::move(postings), Shopping{.at_once = at_once}) {}
  /// Sends them home.
  ~Shoppers();
  /// Waits until all have their answer.
  [[nodiscard]] testing::AssertionResult served() const;
  [[nodiscard]] int answered() const { return answered_; }
  /// The final status of each posting, by its number.
  [[nodiscard]] const std::vector<std::atomic<int>>& statuses() const { return statuses_; }
  /// Succeeds when all were answered with that status.
  [[nodiscard]] testing::AssertionResult all_answered(int status) const;
  /// How often a request was refused for now.
  [[nodiscard]] int refused() const { return refused_; }

 private:
  void shop();
  const Services& services_;
  const std::vector<Posting> postings_;
  const std::vector<std::string> storefronts_;
  std::atomic<std::size_t> asked_{0};
  std::vector<std::atomic<int>> statuses_;
  std::atomic<std::size_t> next_{0};
  std::atomic<int> answered_{0};
  std::atomic<int> refused_{0};
  std::atomic<bool> leaving_{false};
  std::vector<std::jthread> threads_;
};

}  // namespace retail_test
