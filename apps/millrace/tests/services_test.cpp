// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "commands/commands.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/service/discovery.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

using testing::HasSubstr;

class Services : public testing::Test {
 protected:
  void announce(const std::string& service, std::int32_t partition) {
    service::InstanceDescriptor descriptor;
    descriptor.service = service;
    descriptor.instance = "host:" + std::to_string(partition);
    descriptor.version = "0.1.0";
    descriptor.address = "http://127.0.0.1:" + std::to_string(partition);
    descriptor.ready = partition != 0;
    descriptor.owned = {{"counts", {partition, partition + 1}}};
    service::Discovery discovery(shop.service(service), shop.clock, [&] { return descriptor; });
    ASSERT_TRUE(discovery.step());
  }
  std::string shown(const ServicesOptions& options) {
    Screen screen;
    const Status status = show_services(*shop.tool, shop.clock, options, screen.out);
    return status ? screen.text : status.error().message();
  }
  Shop shop;
};

TEST_F(Services, are_a_line_for_each_instance_that_lives) {
  EXPECT_EQ(shown({}), "no instance of a service runs\n");
  announce("stock", 4);
  announce("orders", 0);
  const auto lines = lines_of(shown({}));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "SERVICE  INSTANCE  ADDRESS             STATE      VERSION  PARTITIONS");
  EXPECT_EQ(lines[1], "orders   host:0    http://127.0.0.1:0  restoring    0.1.0  counts:0,1");
  EXPECT_EQ(lines[2], "stock    host:4    http://127.0.0.1:4  ready        0.1.0  counts:4,5");
  EXPECT_EQ(lines_of(shown({.name = "stock"})).size(), 2U);
  EXPECT_THAT(shown({.name = "stocks"}), HasSubstr("stock"));
}

TEST_F(Services, that_ended_without_a_word_are_left_out) {
  announce("stock", 4);
  shop.clock.advance_ms(service::instance_time_to_live_ms);
  EXPECT_EQ(shown({}), "no instance of a service runs\n");
}

TEST_F(Services, are_json_lines_when_asked) {
  announce("stock", 4);
  const std::string text = shown({.name = {}, .json = true});
  EXPECT_TRUE(is_json(text)) << text;
  EXPECT_THAT(text, HasSubstr(R"("owned":[{"part":"counts","partitions":[4,5]}])"));
}

}  // namespace
}  // namespace millrace::cli
