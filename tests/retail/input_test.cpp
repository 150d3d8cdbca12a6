// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "harness.hpp"
#include "log_reader.hpp"
#include "millrace/http/client.hpp"
#include "services.hpp"
#include "shoppers.hpp"

namespace retail_test {
namespace {

using millrace::http::Response;

// A system that is up.
class Shop : public testing::Test {
 protected:
  void SetUp() override { open(); }

  void open(std::vector<std::string> arguments = {}) {
    services_.emplace(directory_, ServicesOptions{.arguments = std::move(arguments)});
    services_->start_all();
    ASSERT_TRUE(services_->all_ready());
  }

  Services& services() { return *services_; }
  Response post(const Posting& posting, millrace::http::Headers headers = {}) {
    return services_->post(posting.target, posting.body, std::move(headers));
  }
  std::size_t requests() { return LogReader(services_->log_directory()).all("requests").size(); }

  TemporaryDirectory directory_;
  std::optional<Services> services_;
};

std::string content_type(const Response& response) {
  return response.content_type.empty()
             ? std::string(response.headers.find("Content-Type").value_or(""))
             : response.content_type;
}

TEST_F(Shop, malformed_json_is_answered_400_naming_the_field) {
  const std::string head =
      R"({"order_id":"M-1","country":"France","ordered_at":"2011-03-04T05:06:07Z","lines":[)";
  const std::string line = R"({"product":"85123A","quantity":1,"unit_price_milli":1})";
  const std::vector<std::pair<std::string, std::string>> wrong{
      {head + line + "]", ""},
      {"", ""},
      {"[]", ""},
      {R"({"country":"France","ordered_at":"2011-03-04T05:06:07Z","lines":[)" + line + "]}",
       "order_id"},
      {R"({"order_id":"","country":"France","ordered_at":"2011-03-04T05:06:07Z","lines":[)" + line +
           "]}",
       "order_id"},
      {R"({"order_id":"M-1","ordered_at":"2011-03-04T05:06:07Z","lines":[)" + line + "]}",
       "country"},
      {R"({"order_id":"M-1","country":"France","ordered_at":"yesterday","lines":[)" + line + "]}",
       "ordered_at"},
      {R"({"order_id":"M-1","country":"France","ordered_at":"2011-03-04T05:06:07Z","lines":[]})",
       "lines"},
      {head + line + R"(,{"product":"71053","unit_price_milli":1}]})", "lines[1].quantity"},
      {head + R"({"product":"71053","quantity":"three","unit_price_milli":1}]})",
       "lines[0].quantity"},
      {head + R"({"product":"71053","quantity":99999999999999999999,"unit_price_milli":1}]})",
       "lines[0].quantity"},
      {head + R"({"quantity":1,"unit_price_milli":1}]})", "lines[0].product"},
  };
  for (const auto& [body, field] : wrong) {
    const Response answer = services().post("/orders", body);
    EXPECT_EQ(answer.status, 400) << body << "\n" << answer.body;
    EXPECT_TRUE(contains(answer.body, field)) << body << "\n" << answer.body;
    EXPECT_EQ(content_type(answer), "application/problem+json");
  }
  EXPECT_EQ(requests(), 0U) << "nothing of it may reach the log";
  EXPECT_EQ(post(order("M-1")).status, 201);
}

TEST_F(Shop, unknown_paths_and_methods_are_reported) {
  const Response unknown = services().get("storefront", "/nonsense");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(content_type(unknown), "application/problem+json");
  EXPECT_EQ(services().get("storefront", "/orders/never-seen").status, 404);
  const auto deleted =
      millrace::http::fetch(millrace::http::Method::del, services().url("storefront") + "/orders/1",
                            {}, {}, default_timeout);
  ASSERT_TRUE(deleted);
  EXPECT_EQ(deleted->status, 405);
}

TEST_F(Shop, a_body_that_is_too_large_is_answered_413) {
  const Posting large = order("L-1", "85123A" + std::string((1U << 20U) + 1, 'x'));
  const Response answer = post(large);
  EXPECT_EQ(answer.status, 413) << answer.body;
  EXPECT_EQ(requests(), 0U);
  EXPECT_EQ(post(order("L-1")).status, 201) << "the id was not used";
}

TEST_F(Shop, too_many_in_flight_are_answered_429_and_nothing_is_lost) {
  ASSERT_TRUE(services().stop_all());
  open({"--max-in-flight", "2", "--max-waiting", "2"});
  // Nobody decides on orders, so what comes in stays in flight.
  services().kill("orders");
  Shoppers shoppers(services(), mixed_postings("F-", 40), 8);
  ASSERT_TRUE(await("a shopper is refused", [&] { return shoppers.refused() > 0; }));
  Response refused;
  int extras = 0;
  // One that takes a place which a shopper has left keeps it, so each try is an order of its own.
  ASSERT_TRUE(await("a request is refused",
                    [&] {
                      refused = post(order("F-extra-" + std::to_string(++extras)),
                                     {{"Prefer", "wait=0"}});
                      return refused.status == 429;
                    }))
      << refused.status << refused.body;
  const auto retry_after = refused.headers.find("Retry-After");
  ASSERT_TRUE(retry_after);
  EXPECT_GE(std::stoi(std::string(*retry_after)), 1);
  EXPECT_EQ(content_type(refused), "application/problem+json");
  services().start("orders");
  ASSERT_TRUE(services().ready("orders"));
  ASSERT_TRUE(shoppers.served());
  EXPECT_TRUE(shoppers.all_answered(201));
}

TEST_F(Shop, the_same_order_again_gets_the_same_answer_also_after_a_restart) {
  const Posting first = order("S-1", "85123A", 2, 1'999, "France");
  const Response answer = post(first);
  EXPECT_EQ(answer.status, 201) << answer.body;
  EXPECT_EQ(answer.headers.find("Location").value_or(""), "/orders/S-1");
  const Posting other = order("S-1", "85123A", 3, 1'999, "France");
  for (const char* when : {"at once", "after a restart"}) {
    const Response again = post(first);
    EXPECT_EQ(again.status, answer.status) << when;
    EXPECT_EQ(again.body, answer.body) << when;
    const Response reused = post(other);
    EXPECT_EQ(reused.status, 409) << when;
    EXPECT_TRUE(contains(reused.body, "order-id-reused")) << when << ": " << reused.body;
    services().kill("storefront");
    services().start("storefront");
    ASSERT_TRUE(services().ready("storefront"));
  }
  ASSERT_TRUE(services().at_rest(1));
  const Audited audited = audit(directory_);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.completed, 1);
  EXPECT_EQ(audited.report.revenue_milli.at("France"), 3'998);
}

TEST_F(Shop, many_copies_of_one_order_at_once_take_effect_once) {
  const std::vector<Posting> copies(24, order("T-1", "85123A", 5));
  Shoppers shoppers(services(), copies, 8);
  ASSERT_TRUE(shoppers.served());
  EXPECT_TRUE(shoppers.all_answered(201));
  ASSERT_TRUE(services().at_rest(1));
  const Audited audited = audit(directory_);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.orders, 1);
}

TEST_F(Shop, a_client_that_does_not_wait_learns_where_to_look) {
  services().kill("orders");
  const Response answer = post(order("W-1"), {{"Prefer", "wait=0"}});
  EXPECT_EQ(answer.status, 202) << answer.body;
  const std::string location(answer.headers.find("Location").value_or(""));
  EXPECT_EQ(location, "/orders/W-1");
  services().start("orders");
  ASSERT_TRUE(await("the order is completed all the same", [&] {
    return contains(services().get("storefront", location).body, R"("status":"completed")");
  })) << services().get("storefront", location).body;
}

TEST_F(Shop, an_adjustment_is_no_sale_and_is_dead_lettered) {
  const Response answer = post(order("A563185", "B", 1, 11'062'060));
  EXPECT_EQ(answer.status, 422) << answer.body;
  EXPECT_TRUE(contains(answer.body, "not a sale")) << answer.body;
  // As it stands in the file: fields that no order may have do not matter.
  const Response negative = post(order("A563186", "B", 1, -11'062'060));
  EXPECT_EQ(negative.status, 422) << negative.body;
  EXPECT_TRUE(contains(negative.body, "not a sale")) << negative.body;
  LogReader log(services().log_directory());
  EXPECT_EQ(log.all("orders.dead-letters").size(), 2U);
  EXPECT_TRUE(contains(services().get("storefront", "/orders/A563185").body, "dead_lettered"));
}

TEST_F(Shop, a_bad_order_that_can_be_read_is_refused_naming_the_field) {
  const Response answer = post(order("N-1", "85123A", -4));
  EXPECT_EQ(answer.status, 400) << answer.body;
  EXPECT_TRUE(contains(answer.body, "lines[0].quantity")) << answer.body;
  EXPECT_EQ(post(order("N-2")).status, 201);
}

TEST_F(Shop, a_record_that_does_not_decode_goes_to_the_dead_letters_and_the_service_continues) {
  LogReader storefront(services().log_directory(), "storefront");
  const std::string poison = R"({"lines":"none)";
  storefront.append("requests", "X-1", poison,
                    {{"ce_id", "X-1.1"},
                     {"ce_source", "/storefront"},
                     {"ce_type", "OrderRequested"},
                     {"ce_specversion", "1.0"}});
  storefront.append("requests", "X-2", "\x01\xff", {});
  EXPECT_EQ(post(order("X-3")).status, 201);
  ASSERT_TRUE(await("the poison is in the dead letters", [&] {
    const auto letters = storefront.all("orders.dead-letters");
    return std::any_of(letters.begin(), letters.end(),
                       [](const Read& letter) { return letter.key == "X-1"; });
  }));
  const auto letters = storefront.all("orders.dead-letters");
  const auto letter = std::find_if(letters.begin(), letters.end(),
                                   [](const Read& one) { return one.key == "X-1"; });
  EXPECT_EQ(letter->value, poison) << "the original bytes are kept";
  EXPECT_FALSE(letter->header("dl-reason").empty());
  for (const std::string& service : service_names()) {
    EXPECT_TRUE(services().process(service).running()) << service << "\n"
                                                       << services().log_of(service);
    EXPECT_EQ(services().get(service, "/readyz").status, 200) << service;
  }
  const Finished listed =
      run_program({{program("millrace"), "--log", services().log_url(), "dead-letters", "list"}},
                  directory_.path());
  EXPECT_EQ(listed.exit, (Exit{0, 0})) << listed.output;
  EXPECT_TRUE(contains(listed.output, "X-1")) << listed.output;
}

}  // namespace
}  // namespace retail_test
