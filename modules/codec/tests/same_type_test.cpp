// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/same_type.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "millrace/codec/describe.hpp"

namespace millrace::codec {
namespace {

namespace same_ours {
enum class Rank : std::uint8_t { low = 1, high = 2 };
BOOST_DESCRIBE_ENUM(Rank, low, high)
struct Leaf {
  std::string text;
  std::vector<Leaf> leaves;
};
BOOST_DESCRIBE_STRUCT(Leaf, (), (text, leaves))
struct Tree {
  Rank rank{};
  Leaf root;
  std::optional<std::variant<Leaf, std::string>> last;
  std::map<std::string, std::int64_t> counts;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (rank, root, last, counts))
}  // namespace same_ours

// Each differs from Tree in one respect alone.
namespace other_member {
struct Tree {
  same_ours::Rank rank{};
  same_ours::Leaf root;
  std::optional<std::variant<same_ours::Leaf, std::string>> last;
  std::map<std::string, std::int64_t> totals;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (rank, root, last, totals))
}  // namespace other_member
namespace other_layout {
struct Tree {
  same_ours::Rank rank{};
  same_ours::Leaf root;
  std::map<std::string, std::int64_t> counts;
  std::optional<std::variant<same_ours::Leaf, std::string>> last;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (rank, root, last, counts))
}  // namespace other_layout
namespace other_enumerator {
enum class Rank : std::uint8_t { low = 1, high = 3 };
BOOST_DESCRIBE_ENUM(Rank, low, high)
struct Tree {
  Rank rank{};
  same_ours::Leaf root;
  std::optional<std::variant<same_ours::Leaf, std::string>> last;
  std::map<std::string, std::int64_t> counts;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (rank, root, last, counts))
}  // namespace other_enumerator
namespace other_name {
struct Bush {
  same_ours::Rank rank{};
  same_ours::Leaf root;
  std::optional<std::variant<same_ours::Leaf, std::string>> last;
  std::map<std::string, std::int64_t> counts;
};
BOOST_DESCRIBE_STRUCT(Bush, (), (rank, root, last, counts))
}  // namespace other_name
namespace other_alternative {
struct Twig {
  std::string text;
  std::vector<same_ours::Leaf> leaves;
};
BOOST_DESCRIBE_STRUCT(Twig, (), (text, leaves))
struct Tree {
  same_ours::Rank rank{};
  same_ours::Leaf root;
  std::optional<std::variant<Twig, std::string>> last;
  std::map<std::string, std::int64_t> counts;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (rank, root, last, counts))
}  // namespace other_alternative
namespace count_as_number {
struct Count {
  std::int64_t n = 0;
};
BOOST_DESCRIBE_STRUCT(Count, (), (n))
}  // namespace count_as_number
namespace count_as_text {
struct Count {
  static constexpr std::array millrace_as_text{"n"};
  std::int64_t n = 0;
};
BOOST_DESCRIBE_STRUCT(Count, (), (n))
}  // namespace count_as_text

// Leaf and its list as another shared library describes them.
const TypeInfo& leaf_described_again();
const TypeInfo& leaves_described_again() {
  static const TypeInfo info = [] {
    TypeInfo list = type_info<std::vector<same_ours::Leaf>>();
    list.element = &leaf_described_again;
    return list;
  }();
  return info;
}
const TypeInfo& leaf_described_again() {
  static std::array<FieldInfo, 2> fields{type_info<same_ours::Leaf>().fields[0],
                                         type_info<same_ours::Leaf>().fields[1]};
  static const TypeInfo info = [] {
    fields[1].type = &leaves_described_again;
    TypeInfo leaf = type_info<same_ours::Leaf>();
    leaf.fields = fields;
    return leaf;
  }();
  return info;
}

TEST(SameType, a_type_that_is_described_twice_is_one) {
  const TypeInfo tree = type_info<same_ours::Tree>();
  EXPECT_TRUE(is_same_type(tree, type_info<same_ours::Tree>()));
  EXPECT_TRUE(is_same_type(leaf_described_again(), type_info<same_ours::Leaf>()))
      << "it holds itself";
  const TypeInfo text = type_info<std::string>();
  EXPECT_TRUE(is_same_type(text, type_info<std::string>()));
}

TEST(SameType, types_that_differ_anywhere_are_two) {
  const TypeInfo& tree = type_info<same_ours::Tree>();
  EXPECT_FALSE(is_same_type(tree, type_info<other_member::Tree>()));
  EXPECT_FALSE(is_same_type(tree, type_info<other_layout::Tree>()));
  EXPECT_FALSE(is_same_type(tree, type_info<other_enumerator::Tree>()));
  EXPECT_FALSE(is_same_type(tree, type_info<other_name::Bush>()));
  EXPECT_FALSE(is_same_type(tree, type_info<other_alternative::Tree>()));
  EXPECT_FALSE(
      is_same_type(type_info<count_as_text::Count>(), type_info<count_as_number::Count>()));
  EXPECT_FALSE(is_same_type(type_info<std::int32_t>(), type_info<std::int64_t>()));
  EXPECT_FALSE(
      is_same_type(type_info<std::vector<std::string>>(), type_info<std::vector<std::int64_t>>()));
}

}  // namespace
}  // namespace millrace::codec
