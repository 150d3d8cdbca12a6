// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/storefront/http/posted.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "retail/tests/builders.hpp"

namespace retail::storefront {
namespace {

using millrace::Result;
using testing::HasSubstr;
using testing::StartsWith;

const std::string line = R"({"product":"85123A","quantity":6,"unit_price_milli":2550})";

std::string body(const std::string& lines = line, const std::string& more = {},
                 const std::string& id_name = "order_id", const std::string& id = "1") {
  return "{\"" + id_name + "\":\"" + id +
         R"(","country":"France","ordered_at":"2010-12-01T08:26:00Z","lines":[)" + lines + "]" +
         more + "}";
}

Result<Posted> read(RequestKind kind, const std::string& text) {
  return read_posted(kind, text, test::day(0) + test::day_ms);
}

void expect_refused(const std::string& text, const std::string& reason,
                    RequestKind kind = RequestKind::order) {
  const auto posted = read(kind, text);
  ASSERT_FALSE(posted) << text;
  EXPECT_THAT(posted.error().message(), StartsWith(reason)) << text;
}

TEST(Posted, white_space_order_and_form_of_numbers_make_no_other_request) {
  const auto first = read(RequestKind::order, body());
  ASSERT_TRUE(first) << first.error().to_string();
  for (
      const std::string& same :
      {std::string(R"( { "order_id" : "1", "country":"France",
                     "ordered_at":"2010-12-01T08:26:00Z", "lines":[)" +
                   line + "] } "),
       std::string(
           R"({"lines":[)" + line +
           R"(],"ordered_at":"2010-12-01T09:26:00.000+01:00","country":"Fr\u0061nce","order_id":"1"})"),
       body(R"({"quantity":6.0,"unit_price_milli":2.55e3,"product":"85123A"})"),
       body(line, R"(,"customer_id":null,"unknown":[1,2])")}) {
    const auto posted = read(RequestKind::order, same);
    ASSERT_TRUE(posted) << posted.error().to_string();
    EXPECT_EQ(posted->body_hash, first->body_hash) << same;
  }
}

TEST(Posted, every_field_and_the_kind_make_another_request) {
  const auto first = read(RequestKind::order, body());
  ASSERT_TRUE(first);
  for (const std::string& other :
       {body(R"({"product":"85123B","quantity":6,"unit_price_milli":2550})"),
        body(R"({"product":"85123A","quantity":7,"unit_price_milli":2550})"),
        body(R"({"product":"85123A","quantity":6,"unit_price_milli":2551})"),
        body(R"({"product":"85123A","description":"","quantity":6,"unit_price_milli":2550})"),
        body(line + "," + line), body(line, R"(,"customer_id":"17850")"),
        std::string(
            R"({"order_id":"1","country":"Spain","ordered_at":"2010-12-01T08:26:00Z","lines":[)" +
            line + "]}"),
        std::string(
            R"({"order_id":"1","country":"France","ordered_at":"2010-12-01T08:26:01Z","lines":[)" +
            line + "]}")}) {
    const auto posted = read(RequestKind::order, other);
    ASSERT_TRUE(posted) << posted.error().to_string();
    EXPECT_NE(posted->body_hash, first->body_hash) << other;
  }
  const auto back = read(RequestKind::goods_return, body(line, "", "return_id"));
  ASSERT_TRUE(back);
  EXPECT_NE(back->body_hash, first->body_hash);
}

TEST(Posted, a_quantity_or_price_that_no_request_may_have_is_refused_naming_the_field) {
  const auto with = [](const std::string& quantity, const std::string& price) {
    return body(line + R"(,{"product":"71053","quantity":)" + quantity + R"(,"unit_price_milli":)" +
                price + "}");
  };
  for (const char* quantity : {"0", "-5", "1000000001", "9223372036854775807"}) {
    expect_refused(with(quantity, "1"), "lines[1].quantity: must be from 1 to 1000000000");
    const auto refused =
        read(RequestKind::write_off, body(R"({"product":"71053","quantity":)" +
                                              std::string(quantity) + R"(,"unit_price_milli":0})",
                                          "", "write_off_id"));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), StartsWith("lines[0].quantity: must be from 1"));
  }
  expect_refused(with("1.5", "1"), "lines[1].quantity");
  expect_refused(with("1", "-1"), "lines[1].unit_price_milli: must not be negative");
  expect_refused(with("1000000000", "9223372036854775807"),
                 "lines[1].unit_price_milli: the total is out of range");
  expect_refused(body(""), "lines: ");
}

// 10^9 pounds, in thousandths.
TEST(Posted, a_total_may_be_as_large_as_the_largest_order) {
  const std::string first = R"({"product":"71053","quantity":1,"unit_price_milli":1})";
  const auto with = [&](const char* price) {
    return body(first + R"(,{"product":"71053","quantity":1,"unit_price_milli":)" + price + "}");
  };
  EXPECT_TRUE(read(RequestKind::order, with("999999999999")));
  expect_refused(with("1000000000000"), "lines[1].unit_price_milli: the total is out of range");
}

TEST(Posted, an_adjustment_is_read_whatever_its_lines_say) {
  EXPECT_TRUE(
      read(RequestKind::order, body(R"({"product":"B","quantity":1,"unit_price_milli":-11062060})",
                                    "", "order_id", "A563186")));
  EXPECT_TRUE(
      read(RequestKind::order, body(R"({"product":"B","quantity":1,"unit_price_milli":-11062060})",
                                    "", "order_id", "2-A563186")))
      << "in a later pass";
  const auto beyond =
      read(RequestKind::order,
           body(R"({"product":"B","quantity":1,"unit_price_milli":-9007199254740993})", "",
                "order_id", "A563186"));
  ASSERT_FALSE(beyond);
  EXPECT_THAT(beyond.error().message(),
              StartsWith("lines[0].unit_price_milli: must be from -9007199254740992"));
  // As a return it would be nothing special.
  EXPECT_FALSE(read(RequestKind::goods_return,
                    body(R"({"product":"B","quantity":1,"unit_price_milli":-11062060})", "",
                         "return_id", "A563186")));
}

TEST(Posted, a_date_that_no_request_may_have_is_refused_naming_the_field) {
  const auto at = [](const std::string& time) {
    return R"({"order_id":"1","country":"France","ordered_at":")" + time + R"(","lines":[)" + line +
           "]}";
  };
  for (const char* time : {"9999-12-31T23:59:59Z", "2010-12-02T01:00:01Z", "1969-12-31T23:59:59Z",
                           "0001-01-01T00:00:00Z", "yesterday", ""}) {
    expect_refused(at(time), "ordered_at: ");
  }
  EXPECT_TRUE(read(RequestKind::order, at("2010-12-02T01:00:00Z"))) << "an hour ahead of the clock";
  EXPECT_TRUE(read(RequestKind::order, at("1970-01-01T00:00:00Z")));
}

TEST(Posted, texts_of_no_sensible_length_are_refused_naming_the_field) {
  const std::string long_text(1'001, 'x');
  expect_refused(body(line, "", "order_id", ""), "order_id: ");
  expect_refused(body(line, "", "order_id", long_text), "order_id: ");
  expect_refused(body(line, R"(,"customer_id":")" + long_text + "\""), "customer_id: ");
  expect_refused(body(R"({"product":"","quantity":6,"unit_price_milli":2550})"),
                 "lines[0].product: ");
  expect_refused(body(R"({"product":")" + long_text + R"(","quantity":6,"unit_price_milli":2550})"),
                 "lines[0].product: ");
  expect_refused(body(R"({"product":"p","description":")" + long_text +
                      R"(","quantity":6,"unit_price_milli":2550})"),
                 "lines[0].description: ");
  for (const std::string& country : {std::string(), long_text}) {
    expect_refused(R"({"order_id":"1","country":")" + country +
                       R"(","ordered_at":"2010-12-01T08:26:00Z","lines":[)" + line + "]}",
                   "country: ");
  }
  std::string many = line;
  for (int i = 0; i < 10'000; ++i)
    many += "," + line;
  expect_refused(body(many), "lines: ");
}

}  // namespace
}  // namespace retail::storefront
