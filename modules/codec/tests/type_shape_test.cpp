// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/type_shape.hpp"

#include <gtest/gtest.h>

#include <map>

#include "millrace/codec/describe.hpp"

namespace millrace::codec {
namespace {

enum class Level : std::uint8_t { low = 1, high = 4 };
BOOST_DESCRIBE_ENUM(Level, low, high)

struct Name {
  std::string value;
  using millrace_transparent = void;
};
BOOST_DESCRIBE_STRUCT(Name, (), (value))

struct Entry {
  std::int64_t debit = 0;
  std::int64_t credit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit, credit))

struct Book {
  Name name;
  Level level{};
  std::vector<Entry> entries;
  std::map<std::string, double> rates;
  std::optional<std::variant<Entry, std::string>> last;
  std::vector<Book> volumes;
};
BOOST_DESCRIBE_STRUCT(Book, (), (name, level, entries, rates, last, volumes))

constexpr std::string_view book_text =
    "{name:string,level:enum(low=1,high=4),entries:[{debit:int64,credit:int64}],rates:map[double],"
    "last:(Entry:{debit:int64,credit:int64}|string:string)?,volumes:[^2]}";

TypeShape parsed(std::string_view text) {
  auto shape = parse_shape(text);
  EXPECT_TRUE(shape) << text;
  return shape ? *shape : TypeShape{};
}

std::string problem(std::string_view written, std::string_view now) {
  return why_unreadable(parsed(written), parsed(now)).value_or("none");
}

TEST(TypeShape, says_what_the_binary_form_leaves_out) {
  EXPECT_EQ(to_text(shape_of(type_info<Book>())), book_text);
}

TEST(TypeShape, comes_back_from_its_text) {
  EXPECT_EQ(to_text(parsed(book_text)), book_text);
  for (const std::string_view simple : {"bool", "int32?", "[[string]?]", "map[uint64]", "{}"})
    EXPECT_EQ(to_text(parsed(simple)), simple);
}

TEST(TypeShape, refuses_text_that_is_none_and_ends) {
  for (const std::string_view text : {"", "int", "{a}", "{a:}", "{a:int64", "[int64", "enum(a)",
                                      "^", "^-1", "string,", "(a:bool,b:bool)"})
    EXPECT_FALSE(parse_shape(text)) << text;
  EXPECT_FALSE(parse_shape(std::string(100'000, '[')));
  for (std::size_t end = 0; end < book_text.size(); ++end)
    EXPECT_FALSE(parse_shape(book_text.substr(0, end))) << end;
}

TEST(TypeShape, members_that_changed_places_are_not_readable) {
  EXPECT_EQ(problem("{debit:int64,credit:int64}", "{credit:int64,debit:int64}"),
            "credit: was debit before");
  EXPECT_EQ(problem("[{a:{debit:int64}}]", "[{a:{amount:int64}}]"), "a.amount: was debit before");
  EXPECT_EQ(problem("{a:int64}", "{a:string}"), "a: was int64, is string");
  EXPECT_EQ(problem("{a:int64}", "{a:int64?}"), "a: was int64, is int64?");
  EXPECT_EQ(problem("{a:int64}", "{a:int32}"), "a: was int64, is int32");
  EXPECT_EQ(problem("{a:int64,b:bool}", "{b:bool}"), "b: was a before");
  EXPECT_EQ(problem("(A:{}|B:{})", "(B:{}|A:{})"), "B: was A before");
  EXPECT_EQ(problem("(A:{}|B:{})", "(A:{})"), "the alternative B is gone");
  EXPECT_EQ(problem("enum(a=0,b=1)", "enum(a=0,b=2)"), "the enumerator b=1 is gone");
  EXPECT_EQ(problem("{a:[^2]}", "{a:[{a:bool}]}"), "a: was ^2, is {a:bool}");
}

TEST(TypeShape, what_was_added_at_the_end_is_readable_both_ways) {
  EXPECT_EQ(problem("{a:int64}", "{a:int64,b:string}"), "none");
  EXPECT_EQ(problem("{a:int64,b:string}", "{a:int64}"), "none");
  EXPECT_EQ(problem("{a:int32,b:uint32}", "{a:int64,b:uint64}"), "none");
  EXPECT_EQ(problem("(A:{})", "(A:{}|B:{})"), "none");
  EXPECT_EQ(problem("enum(a=0)", "enum(b=1,a=0)"), "none");
}

}  // namespace
}  // namespace millrace::codec
