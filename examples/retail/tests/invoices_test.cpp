// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/invoices/invoices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <stdexcept>

#include <millrace_test_paths.hpp>

#include "millrace/base/fault_file_system.hpp"
#include "millrace/base/time_text.hpp"

namespace retail {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* header =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

std::vector<Invoice> whole_file() {
  auto invoices = read_invoices(
      millrace::real_file_system(),
      std::string(millrace::test::source_dir) + "/examples/retail/data/online-retail.csv.zst");
  if (!invoices) throw std::runtime_error(invoices.error().to_string());
  return *std::move(invoices);
}

TEST(Invoices, the_whole_file_is_25900_requests) {
  std::map<InvoiceKind, std::size_t> numbers;
  std::size_t order_lines = 0;
  std::size_t all_lines = 0;
  std::set<std::string> ids, countries;
  std::int64_t revenue = 0;
  std::size_t without_customer = 0;
  for (const Invoice& invoice : whole_file()) {
    ++numbers[invoice.kind];
    ids.insert(invoice.id);
    countries.insert(invoice.country);
    all_lines += invoice.lines.size();
    if (invoice.kind != InvoiceKind::order) continue;
    order_lines += invoice.lines.size();
    if (!invoice.customer) ++without_customer;
    for (const InvoiceLine& line : invoice.lines) {
      EXPECT_GT(line.quantity, 0);
      EXPECT_GE(line.unit_price_milli, 0);
      revenue += line.quantity * line.unit_price_milli;
    }
  }
  EXPECT_EQ(numbers[InvoiceKind::order], 20'725U);
  EXPECT_EQ(numbers[InvoiceKind::goods_return], 3'836U);
  EXPECT_EQ(numbers[InvoiceKind::write_off], 1'336U);
  EXPECT_EQ(numbers[InvoiceKind::adjustment], 3U);
  EXPECT_EQ(ids.size(), 25'900U);
  EXPECT_EQ(countries.size(), 38U);
  EXPECT_EQ(all_lines, 541'909U);
  EXPECT_EQ(order_lines, 531'282U);
  EXPECT_EQ(without_customer, 2'189U);
  EXPECT_EQ(revenue, 10'655'622'484);
}

TEST(Invoices,
     each_request_has_the_time_and_place_of_its_first_line_and_requests_go_in_that_order) {
  const auto invoices = whole_file();
  EXPECT_EQ(invoices.front().id, "536365");
  EXPECT_EQ(millrace::format_time(invoices.front().ordered_at_ms), "2010-12-01T08:26:00.000Z");
  EXPECT_EQ(invoices.front().customer, "17850");
  EXPECT_EQ(millrace::format_time(invoices.back().ordered_at_ms), "2011-12-09T12:50:00.000Z");
  for (std::size_t i = 1; i < invoices.size(); ++i)
    ASSERT_LE(invoices[i - 1].ordered_at_ms, invoices[i].ordered_at_ms);
}

TEST(Invoices, a_limit_keeps_the_first_invoices_with_all_their_lines) {
  const auto all = whole_file();
  const auto some = read_invoices(
      millrace::real_file_system(),
      std::string(millrace::test::source_dir) + "/examples/retail/data/online-retail.csv.zst", 500);
  ASSERT_TRUE(some) << some.error().to_string();
  ASSERT_EQ(some->size(), 500U);
  for (std::size_t i = 0; i < some->size(); ++i) {
    EXPECT_EQ((*some)[i].id, all[i].id);
    EXPECT_EQ((*some)[i].lines.size(), all[i].lines.size());
  }
}

TEST(Invoices, prices_are_exact_in_thousandths) {
  const auto invoices = parse_invoices(std::string(header) +
                                       "1,85123A,X,6,2010-12-01 08:26:00,2.55,17850.0,France\n"
                                       "1,85123A,X,1,2010-12-01 08:26:00,0.001,17850.0,France\n"
                                       "1,85123A,X,1,2010-12-01 08:26:00,-11062.06,17850.0,France\n"
                                       "1,85123A,X,1,2010-12-01 08:26:00,7,17850.0,France\n");
  ASSERT_TRUE(invoices) << invoices.error().to_string();
  std::vector<std::int64_t> prices;
  for (const InvoiceLine& line : invoices->front().lines)
    prices.push_back(line.unit_price_milli);
  EXPECT_THAT(prices, ElementsAre(2550, 1, -11'062'060, 7000));
}

TEST(Invoices, numbers_say_what_a_request_is) {
  const auto invoices = parse_invoices(std::string(header) +
                                       "C1,85123A,X,-6,2010-12-01 08:26:00,2.55,17850.0,France\n"
                                       "2,85123A,X,-4,2010-12-01 08:26:00,0,,France\n"
                                       "A3,B,Adjust bad debt,1,2010-12-01 08:26:00,-1.5,,France\n"
                                       "4,POST,X,4,2010-12-01 08:26:00,1,,France\n");
  ASSERT_TRUE(invoices) << invoices.error().to_string();
  ASSERT_EQ(invoices->size(), 4U);
  EXPECT_EQ((*invoices)[0].kind, InvoiceKind::goods_return);
  EXPECT_EQ((*invoices)[0].lines[0].quantity, 6);
  EXPECT_EQ((*invoices)[1].kind, InvoiceKind::write_off);
  EXPECT_EQ((*invoices)[1].lines[0].quantity, 4);
  EXPECT_EQ((*invoices)[1].customer, std::nullopt);
  EXPECT_EQ((*invoices)[2].kind, InvoiceKind::adjustment);
  EXPECT_EQ((*invoices)[2].lines[0].unit_price_milli, -1500);
  EXPECT_EQ((*invoices)[3].kind, InvoiceKind::order);
}

TEST(Invoices, quoted_fields_may_hold_commas_quotes_and_line_ends) {
  const auto invoices =
      parse_invoices(std::string(header) +
                     "1,85123A,\"AIRLINE LOUNGE,\"\"METAL\"\" \nSIGN\",6,2010-12-01 "
                     "08:26:00,2.55,17850.0,France\r\n"
                     "1,85123A,\"\",6,2010-12-01 08:26:00,2.55,17850.0,\"France\"");
  ASSERT_TRUE(invoices) << invoices.error().to_string();
  ASSERT_EQ(invoices->front().lines.size(), 2U);
  EXPECT_EQ(invoices->front().lines[0].description, "AIRLINE LOUNGE,\"METAL\" \nSIGN");
  EXPECT_EQ(invoices->front().lines[1].description, "");
}

TEST(Invoices, a_row_that_cannot_be_read_is_named) {
  const auto bad_price = parse_invoices(std::string(header) +
                                        "1,85123A,X,6,2010-12-01 08:26:00,2.5555,17850.0,France\n");
  ASSERT_FALSE(bad_price);
  EXPECT_THAT(bad_price.error().message(), HasSubstr("row 2: UnitPrice '2.5555'"));
  const auto short_row = parse_invoices(std::string(header) + "1,85123A,X\n");
  ASSERT_FALSE(short_row);
  EXPECT_THAT(short_row.error().message(), HasSubstr("row 2"));
  const auto torn = parse_invoices(std::string(header) + "1,85123A,X,6,2010-12-01");
  ASSERT_FALSE(torn);
  EXPECT_FALSE(parse_invoices("")) << "an empty file is no data";
}

TEST(Invoices, a_file_that_is_torn_or_missing_is_said_to_be) {
  millrace::FaultFileSystem files;
  EXPECT_TRUE(read_invoices(files, "/nowhere.csv.zst").error().is(millrace::errc::not_found));
  auto file = *files.open("/torn.csv.zst", millrace::OpenMode::create);
  ASSERT_TRUE(file->write_at(0, std::string("\x28\xb5\x2f\xfd\x04\x58", 6)));
  const auto torn = read_invoices(files, "/torn.csv.zst");
  ASSERT_FALSE(torn);
  EXPECT_THAT(torn.error().message(), HasSubstr("/torn.csv.zst"));
}

TEST(Invoices, bodies_are_what_the_storefront_takes) {
  const auto invoices = parse_invoices(
      std::string(header) + "C1,85123A,X \"Y\",-6,2010-12-01 08:26:00,2.55,17850.0,France\n");
  ASSERT_TRUE(invoices) << invoices.error().to_string();
  const std::string body = request_body(invoices->front());
  EXPECT_EQ(request_path(invoices->front().kind), "/returns");
  EXPECT_THAT(body, HasSubstr(R"("return_id":"C1")"));
  EXPECT_THAT(body, HasSubstr(R"("customer_id":"17850")"));
  EXPECT_THAT(body, HasSubstr(R"("ordered_at":"2010-12-01T08:26:00.000Z")"));
  EXPECT_THAT(body, HasSubstr(R"("product":"85123A")"));
  EXPECT_THAT(body, HasSubstr(R"("unit_price_milli":2550)"));
}

}  // namespace
}  // namespace retail
