// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/message_format.hpp"

namespace millrace {

void MessageValue::append_to(std::string& out) const {
  switch (kind_) {
    case Kind::text:
      out += text_;
      return;
    case Kind::character:
      out += static_cast<char>(number_);
      return;
    case Kind::integer:
      out += std::to_string(static_cast<std::int64_t>(number_));
      return;
    case Kind::natural:
      out += std::to_string(number_);
      return;
  }
}

std::string format_values(std::string_view format, const MessageValue* values) {
  std::string out;
  while (!format.empty()) {
    const std::size_t brace = format.find_first_of("{}");
    out += format.substr(0, brace);
    if (brace == std::string_view::npos) break;
    // MessageFormat has checked that braces stand in pairs.
    if (format.substr(brace, 2) == "{}") {
      (values++)->append_to(out);
    } else {
      out += format[brace];
    }
    format.remove_prefix(brace + 2);
  }
  return out;
}

}  // namespace millrace
