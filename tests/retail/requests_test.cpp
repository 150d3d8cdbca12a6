// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Requests that were meant badly, or that meet others under the same id.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "harness.hpp"
#include "log_reader.hpp"
#include "services.hpp"
#include "shoppers.hpp"

namespace retail_test {
namespace {

using millrace::http::Response;

class Requests : public testing::Test {
 protected:
  void SetUp() override {
    services_.emplace(directory_, ServicesOptions{});
    services_->start_all();
    ASSERT_TRUE(services_->all_ready());
  }
  Services& services() { return *services_; }
  /// Posts until it is decided: a refusal for now and a 202 do not count.
  Response post(const Posting& posting) {
    Response answer;
    EXPECT_TRUE(await(posting.target + " " + posting.id + " is answered", [&] {
      answer = services_->post(posting.target, posting.body);
      return answer.status != 0 && answer.status != 202 && answer.status != 429 &&
             answer.status < 500;
    }));
    return answer;
  }
  void expect_nobody_died() {
    for (const std::string& service : service_names()) {
      EXPECT_TRUE(services().process(service).running()) << services().log_of(service);
    }
  }

  TemporaryDirectory directory_;
  std::optional<Services> services_;
};

std::string write_off_body(const std::string& id, const std::string& quantity) {
  return R"({"write_off_id":")" + id +
         R"(","country":"France","ordered_at":"2011-03-04T05:06:07Z","lines":[{"product":"85123A","quantity":)" +
         quantity + R"(,"unit_price_milli":0}]})";
}

TEST_F(Requests, a_write_off_of_no_sensible_quantity_is_refused_naming_the_field) {
  for (const std::string quantity : {"0", "-5", "1000000001"}) {
    const Response answer = services().post("/write-offs", write_off_body("W-1", quantity));
    EXPECT_EQ(answer.status, 400) << quantity << answer.body;
    EXPECT_TRUE(contains(answer.body, "lines[0].quantity")) << answer.body;
  }
  const Response answer = post({"/write-offs", "W-1", write_off_body("W-1", "3.0")});
  EXPECT_EQ(answer.status, 201) << answer.body;
}

TEST_F(Requests, a_dead_letter_of_stock_is_the_answer_and_no_service_dies) {
  // As a service with a fault of its own might write them: nothing of them can be in the topics by
  // way of HTTP.
  LogReader storefront(services().log_directory(), "storefront");
  LogReader orders(services().log_directory(), "orders");
  const auto envelope = [](const std::string& id, const std::string& type) {
    return std::vector<std::pair<std::string, std::string>>{
        {"ce_id", id}, {"ce_source", "/test"}, {"ce_type", type}, {"ce_specversion", "1.0"}};
  };
  storefront.append(
      "requests", "W-5",
      R"({"body_hash":5,"country":"France","lines":[{"product":"85123A","quantity":-5,"unit_price_milli":0}]})",
      envelope("W-5.5", "WriteOffRequested"));
  for (const std::string type : {"OrderValidated", "ReturnAccepted", "WriteOffAccepted"}) {
    orders.append(
        "orders", type,
        R"({"country":"France","total_milli":1,"lines":[{"product":"85123A","quantity":-5,"unit_price_milli":1}]})",
        envelope("orders-" + type, type));
  }
  for (const auto& [target, letter] :
       {std::pair<std::string, std::string>{"/write-offs/W-5", "orders.dead-letters-"},
        {"/orders/OrderValidated", "stock.dead-letters-"},
        {"/returns/ReturnAccepted", "stock.dead-letters-"},
        {"/write-offs/WriteOffAccepted", "stock.dead-letters-"}}) {
    Response answer;
    EXPECT_TRUE(await(target + " is dead-lettered", [&, &path = target] {
      answer = services().get("storefront", path);
      return contains(answer.body, R"("status":"dead_lettered")");
    })) << answer.body;
    EXPECT_TRUE(contains(answer.body, letter)) << answer.body;
    EXPECT_TRUE(contains(answer.body, "quantity")) << answer.body;
  }
  EXPECT_EQ(post(order("R-1")).status, 201);
  expect_nobody_died();
  const Audited audited = audit(directory_);
  EXPECT_FALSE(audited.report.ok) << "three events came of no request";
  EXPECT_TRUE(contains(audited.output, "stopped by the dead letter stock.dead-letters-"))
      << audited.output;
}

TEST_F(Requests, of_two_kinds_under_one_id_at_once_one_wins_and_the_other_is_refused) {
  constexpr int ids = 100;
  std::vector<std::pair<int, int>> statuses(ids);
  const auto work = [&](int first) {
    for (int i = first; i < ids; i += 4) {
      const std::string id = "S-" + std::to_string(i);
      const Posting one = i % 2 == 0 ? order(id) : goods_return(id);
      std::jthread other([&] { statuses[i].second = post(write_off(id)).status; });
      statuses[i].first = post(one).status;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int first = 0; first < 4; ++first)
      threads.emplace_back(work, first);
  }
  for (int i = 0; i < ids; ++i) {
    const std::set<int> both{statuses[i].first, statuses[i].second};
    EXPECT_EQ(both, (std::set<int>{201, 409})) << i;
  }
  ASSERT_TRUE(services().at_rest(ids));
  const Audited audited = audit(directory_);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.invoices, ids);
  EXPECT_EQ(audited.report.completed + audited.report.returns + audited.report.write_offs, ids);
}

TEST_F(Requests, the_same_order_with_other_white_space_gets_the_same_answer) {
  const Posting first = order("T-1");
  Posting again = first;
  std::string spaced;
  for (const char c : first.body) {
    spaced += c;
    if (c == ',' || c == '{' || c == '[') spaced += "\n ";
  }
  again.body = spaced;
  const Response answer = post(first);
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(post(again).body, answer.body);
}

TEST_F(Requests, a_request_near_the_limit_of_a_record_costs_no_other_request) {
  // The log takes records of 1 MiB and 12 bytes; as it is asked, with a backslash for each quote,
  // this order is some bytes below or above that. All are sent beside small ones, which must not
  // notice.
  const std::string description(900, 'x');
  const auto large = [&](const std::string& id, std::size_t bytes) {
    std::string lines;
    const auto line = [&](const std::string& text) {
      return R"({"product":"85123A","description":")" + text +
             R"(","quantity":1,"unit_price_milli":1})";
    };
    while (lines.size() + 1'060 < bytes)
      lines += line(description) + ",";
    lines += line(std::string(bytes - lines.size() - line("").size(), 'x'));
    return R"({"order_id":")" + id +
           R"(","country":"France","ordered_at":"2011-03-04T05:06:07Z","lines":[)" + lines + "]}";
  };
  Shoppers shoppers(services(), mixed_postings("M-", 300), 8);
  std::set<int> seen;
  for (std::size_t i = 0; i < 48; ++i) {
    const std::string id = "L-" + std::to_string(100 + i);
    seen.insert(post({"/orders", id, large(id, (1U << 20U) - 38'400 + i * 800)}).status);
  }
  ASSERT_TRUE(shoppers.served());
  EXPECT_TRUE(shoppers.all_answered(201)) << "a small request paid for a large one";
  EXPECT_EQ(seen, (std::set<int>{201, 413})) << "some are below the limit, some above";
  expect_nobody_died();
}

}  // namespace
}  // namespace retail_test
