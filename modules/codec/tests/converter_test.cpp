// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/converter.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "millrace/codec/describe.hpp"

namespace millrace::codec {
namespace {

namespace before {
enum class Level : std::uint8_t { low = 1, high = 4 };
BOOST_DESCRIBE_ENUM(Level, low, high)
struct Entry {
  std::int32_t debit = 0;
  std::int64_t credit = 0;
  std::string note;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit, credit, note))
struct Paid {
  std::uint32_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Paid, (), (total))
struct Book {
  Level level = Level::high;
  std::vector<Entry> entries;
  std::map<std::string, Entry> by_name;
  std::optional<std::variant<Entry, Paid>> last;
  std::vector<Book> volumes;
  double rate = 0;
  bool closed = false;
};
BOOST_DESCRIBE_STRUCT(Book, (), (level, entries, by_name, last, volumes, rate, closed))
}  // namespace before

namespace now {
enum class Level : std::uint8_t { high = 1, middle = 2, low = 3 };
BOOST_DESCRIBE_ENUM(Level, high, middle, low)
struct Entry {
  std::int64_t credit = 0;
  std::optional<std::string> reason = "none";
  std::int64_t debit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (credit, reason, debit))
struct Paid {
  std::uint64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Paid, (), (total))
struct Refunded {
  std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Refunded, (), (total))
struct Book {
  bool closed = false;
  std::vector<Book> volumes;
  std::optional<std::variant<Refunded, Paid, Entry>> last;
  std::map<std::string, Entry> by_name;
  std::vector<Entry> entries;
  Level level = Level::high;
  double rate = 0;
};
BOOST_DESCRIBE_STRUCT(Book, (), (closed, volumes, last, by_name, entries, level, rate))
}  // namespace now

template <class T>
std::string binary(const T& value) {
  std::string bytes;
  encode_binary(type_info<T>(), &value, bytes);
  return bytes;
}

before::Book book() {
  before::Book book;
  book.level = before::Level::high;
  book.entries = {{100, 7, "a"}, {-1, 1, "b"}};
  book.by_name["x"] = {5, 6, "c"};
  book.last = before::Paid{9};
  book.rate = 0.5;
  book.closed = true;
  return book;
}

template <class Old, class New>
Result<New> converted(const Old& value) {
  Converter converter(shape_of(type_info<Old>()), type_info<New>());
  New out;
  MILLRACE_ASSIGN(const auto bytes, converter.convert(binary(value)));
  MILLRACE_TRY(decode_binary(type_info<New>(), bytes, &out));
  return out;
}

TEST(Converter, finds_members_alternatives_and_enumerators_by_name) {
  ASSERT_EQ(
      why_inconvertible(shape_of(type_info<before::Book>()), shape_of(type_info<now::Book>())),
      std::nullopt);
  before::Book outer = book();
  outer.volumes = {book(), book()};
  outer.last = before::Entry{3, 4, "d"};
  const auto out = converted<before::Book, now::Book>(outer);
  ASSERT_TRUE(out) << out.error().to_string();
  EXPECT_EQ(out->level, now::Level::high);
  ASSERT_EQ(out->entries.size(), 2U);
  EXPECT_EQ(out->entries[0].debit, 100);
  EXPECT_EQ(out->entries[0].credit, 7);
  EXPECT_EQ(out->entries[0].reason, "none");
  EXPECT_EQ(out->by_name.at("x").debit, 5);
  EXPECT_EQ(std::get<now::Entry>(*out->last).credit, 4);
  EXPECT_EQ(out->rate, 0.5);
  EXPECT_TRUE(out->closed);
  ASSERT_EQ(out->volumes.size(), 2U);
  EXPECT_EQ(std::get<now::Paid>(*out->volumes[0].last).total, 9U);
  EXPECT_EQ(out->volumes[0].entries[1].debit, -1);
}

TEST(Converter, takes_defaults_where_the_bytes_end_before_members_added_later) {
  // An entry written when `note` and `credit` were not there yet.
  Converter converter(shape_of(type_info<before::Entry>()), type_info<now::Entry>());
  const auto bytes = converter.convert(std::string("\x02\xc8\x01", 3));
  ASSERT_TRUE(bytes) << bytes.error().to_string();
  EXPECT_EQ(*bytes, binary(now::Entry{0, "none", 100}));
}

namespace before {
struct Limits {
  std::optional<std::int32_t> limit;
  std::vector<std::int32_t> steps;
  std::map<std::string, std::int32_t> by_name;
  bool on = false;
};
BOOST_DESCRIBE_STRUCT(Limits, (), (limit, steps, by_name, on))
}  // namespace before
namespace now {
struct Limits {
  bool on = true;
  std::map<std::string, std::int32_t> by_name = {{"a", 1}};
  std::vector<std::int32_t> steps = {1, 2};
  std::optional<std::int32_t> limit = 10;
};
BOOST_DESCRIBE_STRUCT(Limits, (), (on, by_name, steps, limit))
}  // namespace now

TEST(Converter, puts_what_was_written_in_place_of_initialisers) {
  const auto empty = converted<before::Limits, now::Limits>({});
  ASSERT_TRUE(empty) << empty.error().to_string();
  EXPECT_FALSE(empty->on);
  EXPECT_TRUE(empty->by_name.empty());
  EXPECT_TRUE(empty->steps.empty());
  EXPECT_EQ(empty->limit, std::nullopt);
  const auto full = converted<before::Limits, now::Limits>({3, {7}, {{"b", 2}}, true});
  ASSERT_TRUE(full) << full.error().to_string();
  EXPECT_EQ(full->steps, (std::vector<std::int32_t>{7}));
  EXPECT_EQ(full->by_name, (std::map<std::string, std::int32_t>{{"b", 2}}));
  EXPECT_EQ(full->limit, 3);
}

TEST(Converter, forgets_the_value_before) {
  Converter converter(shape_of(type_info<before::Book>()), type_info<now::Book>());
  ASSERT_TRUE(converter.convert(binary(book())));
  before::Book empty;
  empty.level = before::Level::low;
  const auto second = converter.convert(binary(empty));
  ASSERT_TRUE(second);
  now::Book expected;
  expected.level = now::Level::low;
  EXPECT_EQ(*second, binary(expected));
}

RC_GTEST_PROP(Converter, is_safe_on_any_bytes, ()) {
  Converter converter(shape_of(type_info<before::Book>()), type_info<now::Book>());
  std::string bytes = binary(book());
  const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes[at] = static_cast<char>(*rc::gen::inRange(0, 256));
  bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size() + 1));
  const auto out = converter.convert(bytes);
  now::Book value;
  RC_ASSERT(!out || decode_binary(type_info<now::Book>(), *out, &value).has_value());
}

std::string problem(std::string_view written, std::string_view now) {
  const auto before = parse_shape(written);
  const auto after = parse_shape(now);
  EXPECT_TRUE(before && after);
  return why_inconvertible(*before, *after).value_or("none");
}

TEST(WhyInconvertible, lets_members_move_come_and_go) {
  EXPECT_EQ(problem("{a:int32,b:string}", "{b:string,c:double,a:int64}"), "none");
  EXPECT_EQ(problem("{a:int32,b:string}", "{b:string}"), "none");
  EXPECT_EQ(problem("[{a:int32,b:string}?]", "[{b:string}?]"), "none");
  EXPECT_EQ(problem("enum(a=1,b=2)", "enum(c=1,b=7,a=0)"), "none");
  EXPECT_EQ(problem("{a:int32,next:[^2]}", "{next:[^2],a:int32}"), "none");
}

TEST(WhyInconvertible, names_what_no_value_can_be_made_of) {
  EXPECT_EQ(problem("{a:int64}", "{a:int32}"), "a: was int64, is int32");
  EXPECT_EQ(problem("{x:{a:int64}}", "{x:{a:string}}"), "x.a: was int64, is string");
  EXPECT_EQ(problem("enum(a=1,b=2)", "enum(a=1)"), "the enumerator b is gone");
  EXPECT_EQ(problem("(A:{}|B:{})", "(B:{})"), "the alternative A is gone");
  EXPECT_EQ(problem("map[int32]", "[int32]"), "was map[int32], is [int32]");
  EXPECT_EQ(problem("{a:int32,next:[^2]}", "{a:int32,next:[{a:int32}]}"),
            "next: was ^2, is {a:int32}");
}

TEST(RenamedMember, is_one_that_is_gone_beside_a_new_one_that_could_hold_it) {
  const auto renamed = [](std::string_view written, std::string_view now) {
    return renamed_member(*parse_shape(written), *parse_shape(now)).value_or("none");
  };
  EXPECT_EQ(renamed("[{debit:int64,credit:int32}]", "[{debit:int64,credits:int64}]"),
            "the member credit is gone, and credits of such a type is new");
  EXPECT_EQ(renamed("{debit:int64,credit:int64}", "{debit:int64,amount:int32?}"),
            "the member credit is gone, and amount of such a type is new");
  EXPECT_EQ(renamed("{price:double?}", "{cents:uint64}"),
            "the member price is gone, and cents of such a type is new");
  EXPECT_EQ(renamed("{debit:int64,credit:int64}", "{debit:int64,note:string}"), "none");
}

TEST(Extends, lets_something_be_added_and_nothing_be_left_out) {
  const auto extends_text = [](std::string_view now, std::string_view written) {
    return extends(*parse_shape(now), *parse_shape(written));
  };
  EXPECT_TRUE(extends_text("{a:int64,b:string}", "{a:int32}"));
  EXPECT_FALSE(extends_text("{a:int64}", "{a:int64,b:string}"));
  EXPECT_FALSE(extends_text("[{a:int64}]", "[{a:int64,b:string}]"));
  EXPECT_TRUE(extends_text("(A:{x:bool}|B:{})", "(A:{})"));
}

}  // namespace
}  // namespace millrace::codec
