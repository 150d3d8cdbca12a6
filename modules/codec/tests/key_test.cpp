// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <stdexcept>
#include <tuple>

#include "arbitrary.hpp"

namespace millrace::codec {
namespace {

struct ShelfKey {
  shop::OrderId product;
  std::int32_t line = 0;
  std::int64_t at = 0;
  std::uint32_t shelf = 0;
  std::optional<std::string> note;
  std::vector<std::string> path;
  double weight = 0;
  auto tied() const { return std::tie(product.value, line, at, shelf, note, path, weight); }
  bool operator==(const ShelfKey& other) const { return tied() == other.tied(); }
};
BOOST_DESCRIBE_STRUCT(ShelfKey, (), (product, line, at, shelf, note, path, weight))

rc::Gen<std::string> short_text() {
  return rc::gen::container<std::string>(rc::gen::element('\0', '\1', 'a', 'b', '\xff'));
}

rc::Gen<ShelfKey> any_key() {
  return rc::gen::apply(
      [](std::string product, std::int32_t line, std::int64_t at, std::uint32_t shelf,
         std::string note, std::vector<std::string> path, double weight) {
        return ShelfKey{{std::move(product)},
                        line,
                        at,
                        shelf,
                        note.empty() ? std::nullopt : std::optional(note),
                        std::move(path),
                        weight};
      },
      short_text(), rc::gen::inRange(-2, 2),
      rc::gen::element<std::int64_t>(INT64_MIN, -1, 0, 1, INT64_MAX),
      rc::gen::element(0U, 1U, 0x80000000U), short_text(),
      rc::gen::container<std::vector<std::string>>(short_text()), shop::any_finite());
}

template <class T>
std::string key_of(const T& value) {
  std::string out;
  encode_key(type_info<T>(), &value, out);
  return out;
}

// As the store compares keys: by unsigned bytes.
int compare(const std::string& a, const std::string& b) { return a < b ? -1 : b < a ? 1 : 0; }

TEST(Key, strings_and_strong_strings_stand_for_themselves) {
  EXPECT_EQ(key_of(std::string("85123A")), "85123A");
  EXPECT_EQ(key_of(shop::OrderId{"536365"}), "536365");
  shop::OrderId out;
  ASSERT_TRUE(decode_key(type_info<shop::OrderId>(), std::string_view("a\0b", 3), &out));
  EXPECT_EQ(out.value, std::string("a\0b", 3));
}

TEST(Key, the_bytes_are_those_that_are_documented) {
  EXPECT_EQ(key_of(std::int32_t{1}), std::string("\x80\0\0\1", 4));
  EXPECT_EQ(key_of(std::int64_t{-1}), "\x7f\xff\xff\xff\xff\xff\xff\xff");
  EXPECT_EQ(key_of(shop::Rejected{{std::string("a\0", 2)}, shop::Reason::out_of_stock}),
            std::string("a\0\xff\0\1\x80\0\0\0\0\0\0\0", 13));
}

TEST(Key, keys_that_are_equal_have_the_same_bytes) {
  EXPECT_EQ(key_of(-0.0), key_of(0.0));
  EXPECT_EQ(key_of(std::vector<double>{1, -0.0}), key_of(std::vector<double>{1, 0.0}));
  EXPECT_THROW(key_of(std::numeric_limits<double>::quiet_NaN()), std::domain_error);
  EXPECT_LT(key_of(std::numeric_limits<double>::max()),
            key_of(std::numeric_limits<double>::infinity()));
}

RC_GTEST_PROP(Key, the_order_of_bytes_is_the_order_of_values, ()) {
  const auto a = *any_key();
  const auto b = *any_key();
  const int wanted = a.tied() < b.tied() ? -1 : b.tied() < a.tied() ? 1 : 0;
  RC_ASSERT(compare(key_of(a), key_of(b)) == wanted);
}

RC_GTEST_PROP(Key, the_order_of_numbers_is_kept, (std::int64_t a, std::int64_t b)) {
  RC_ASSERT(compare(key_of(a), key_of(b)) == (a < b ? -1 : b < a ? 1 : 0));
}

RC_GTEST_PROP(Key, reading_gives_back_what_was_written, ()) {
  const auto key = *any_key();
  ShelfKey out{{"before"}, 1, 2, 3, "note", {"path"}, 4};
  RC_ASSERT(decode_key(type_info<ShelfKey>(), key_of(key), &out).has_value());
  RC_ASSERT(out == key);
}

RC_GTEST_PROP(Key, values_of_every_kind_can_be_keys, ()) {
  const auto value = *shop::any_everything();
  shop::Everything out;
  RC_ASSERT(decode_key(type_info<shop::Everything>(), key_of(value), &out).has_value());
  RC_ASSERT(out == value);
}

TEST(Key, bytes_that_are_no_key_are_malformed) {
  const std::string whole = key_of(ShelfKey{{"a"}, 1, 2, 3, "n", {"p"}, 4});
  ShelfKey out;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Status status = decode_key(type_info<ShelfKey>(), whole.substr(0, size), &out);
    ASSERT_FALSE(status) << size;
    EXPECT_TRUE(status.error().is(errc::malformed));
  }
  EXPECT_FALSE(decode_key(type_info<ShelfKey>(), whole + "x", &out));
  std::int32_t number = 0;
  EXPECT_FALSE(decode_key(type_info<std::int32_t>(), "abc", &number));
  bool flag = false;
  EXPECT_FALSE(decode_key(type_info<bool>(), "\x02", &flag));
}

}  // namespace
}  // namespace millrace::codec
