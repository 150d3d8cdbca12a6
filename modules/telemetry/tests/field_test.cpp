// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/field.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "millrace/base/json_writer.hpp"

namespace millrace::telemetry {
namespace {

std::string json_field(const Field& field) {
  std::string out;
  JsonWriter writer(out);
  writer.begin_object();
  write_field(writer, field);
  return writer.end_object().take();
}

TEST(Field, a_value_keeps_its_type) {
  EXPECT_EQ(json_field({"n", -3}), R"({"n":-3})");
  EXPECT_EQ(json_field({"n", std::numeric_limits<std::uint64_t>::max()}),
            R"({"n":18446744073709551615})");
  EXPECT_EQ(json_field({"ok", true}), R"({"ok":true})");
  EXPECT_EQ(json_field({"s", 0.25}), R"({"s":0.25})");
  EXPECT_EQ(json_field({"text", "true"}), R"({"text":"true"})");
}

TEST(Field, a_number_that_json_cannot_say_is_null) {
  EXPECT_EQ(json_field({"s", std::numeric_limits<double>::quiet_NaN()}), R"({"s":null})");
  EXPECT_EQ(json_field({"s", std::numeric_limits<double>::infinity()}), R"({"s":null})");
}

}  // namespace
}  // namespace millrace::telemetry
