// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/terminal_text.hpp"

#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace millrace {
namespace {

// Text with what hurts in it, of which pure chance makes little.
std::string hostile_text() {
  const auto piece = rc::gen::oneOf(
      rc::gen::arbitrary<std::string>(),
      rc::gen::element<std::string>("\x1b[2J", "\xc2\x9b", "\xc2\x85", "\x7f", "\r", "\n", "\t",
                                    "\\", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\xa8",
                                    "\xf3\xa0\x81\x81", "\xed\xa0\x80", "\xc3", "Grüße", "漢字"));
  std::string text;
  for (const std::string& one : *rc::gen::container<std::vector<std::string>>(piece))
    text += one;
  return text;
}

bool has_control_byte(std::string_view text, std::string_view allowed) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 && allowed.find(text[i]) == std::string_view::npos) return true;
    if (byte == 0x7F) return true;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0)
      return true;
  }
  return text.find("\xe2\x80\xae") != std::string_view::npos ||
         text.find("\xe2\x81\xa6") != std::string_view::npos;
}

TEST(Escaped, text_that_a_terminal_can_show_is_left_alone) {
  EXPECT_EQ(escaped("Grüße, £ 3, 漢字, 👍"), "Grüße, £ 3, 漢字, 👍");
  EXPECT_TRUE(is_plain_text("Grüße\n"));
}

TEST(Escaped, control_characters_are_written_out) {
  EXPECT_EQ(escaped("\x1b[31m\n\\\t\r\x7f"), "\\x1b[31m\\n\\\\\\t\\r\\x7f");
  EXPECT_EQ(escaped("\xc2\x9b"), "\\u009b");
  EXPECT_FALSE(is_plain_text("\x1b[31m"));
  EXPECT_FALSE(is_plain_text("\xc2\x9b"));
}

TEST(Escaped, characters_that_reorder_or_hide_others_are_written_out) {
  EXPECT_EQ(escaped("a\xe2\x80\xae"
                    "b"),
            "a\\u202eb");
  EXPECT_EQ(escaped("\xe2\x80\xa8\xef\xbb\xbf"), "\\u2028\\ufeff");
  EXPECT_EQ(escaped("\xf3\xa0\x81\x81"), "\\udb40\\udc41");
  EXPECT_FALSE(
      is_plain_text("a\xe2\x81\xa6"
                    "b"));
}

TEST(Escaped, bytes_that_are_no_utf8_are_written_out) {
  for (const char* broken : {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    EXPECT_FALSE(is_plain_text(broken));
    EXPECT_TRUE(escaped(broken).starts_with("\\x")) << escaped(broken);
  }
}

TEST(Escaped, two_texts_never_look_the_same) {
  EXPECT_NE(escaped("\n"), escaped("\\n"));
  EXPECT_NE(escaped("\x1b"), escaped("\\x1b"));
}

TEST(Printable, a_composed_text_keeps_its_lines_and_what_is_escaped_already) {
  EXPECT_EQ(printable("a\n\tb \\x1b\n"), "a\n\tb \\x1b\n");
  EXPECT_EQ(printable("a\x1b[2J\r\n"), "a\\x1b[2J\\r\n");
  EXPECT_EQ(printable_line("a\n\tb \\x1b"), "a\\n\\tb \\x1b");
}

TEST(PrintableJson, is_the_same_document_with_escapes) {
  EXPECT_EQ(printable_json("{\"k\":\"\xc2\x9b\x7f\xe2\x80\xae\\n\"}\n"),
            "{\"k\":\"\\u009b\\u007f\\u202e\\n\"}\n");
}

RC_GTEST_PROP(Escaped, has_no_control_character_whatever_the_text, ()) {
  const std::string text = hostile_text();
  RC_ASSERT(!has_control_byte(escaped(text), ""));
  RC_ASSERT(is_plain_text(escaped(text)));
}

RC_GTEST_PROP(Printable, has_only_line_ends_and_tabs_whatever_the_text, ()) {
  const std::string text = hostile_text();
  const std::string once = printable(text);
  RC_ASSERT(!has_control_byte(once, "\n\t"));
  RC_ASSERT(!has_control_byte(printable_json(text), "\n\t"));
  RC_ASSERT(!has_control_byte(printable_line(text), ""));
  RC_ASSERT(printable(once) == once);
}

RC_GTEST_PROP(CutToWidth, never_takes_more_columns_than_there_are, ()) {
  const std::string text = escaped(hostile_text());
  const auto columns = *rc::gen::inRange<std::size_t>(0, 40);
  const std::string cut = cut_to_width(text, columns);
  RC_ASSERT(display_width(cut) <= columns);
  RC_ASSERT(is_plain_text(cut));
}

TEST(DisplayWidth, counts_columns_and_not_bytes) {
  EXPECT_EQ(display_width("└─ ü"), 4U);
  EXPECT_EQ(display_width("漢字"), 4U);
  EXPECT_EQ(display_width("e\xcc\x81"), 1U);
}

TEST(CutToWidth, ends_in_an_ellipsis_when_it_had_to_cut) {
  EXPECT_EQ(cut_to_width("orders", 6), "orders");
  EXPECT_EQ(cut_to_width("orders", 5), "orde…");
  EXPECT_EQ(cut_to_width("漢字", 3), "漢…");
  EXPECT_EQ(cut_to_width("orders", 0), "");
}

}  // namespace
}  // namespace millrace
