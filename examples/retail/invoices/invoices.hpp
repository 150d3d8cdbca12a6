// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"

namespace retail {

/// Where a request goes.
enum class InvoiceKind : std::uint8_t {
  order,         ///< no letter in the number, all quantities positive
  adjustment,    ///< number begins with `A`; sent as an order as it stands
  goods_return,  ///< number begins with `C`; quantities are made positive
  write_off      ///< a negative quantity on an ordinary number; quantities are made positive
};

struct InvoiceLine {
  std::string product;
  std::string description;  ///< empty: none
  std::int64_t quantity = 0;
  std::int64_t unit_price_milli = 0;
};

/// All lines with one invoice number in the file, with the location and time of the first line.
struct Invoice {
  InvoiceKind kind = InvoiceKind::order;
  std::string id;
  std::optional<std::string> customer;  ///< `17850`
  std::string country;
  std::int64_t ordered_at_ms = 0;  ///< UTC
  std::vector<InvoiceLine> lines;
};

/// Reads `online-retail.csv.zst` (or the unpacked `.csv`): gathers each number's lines over the
/// whole file, in the order of first lines. Never holds more than the invoices and a window of the
/// file. `limit` keeps the first so many invoices, with all their lines; 0: all. errc::not_found,
/// io_error; invalid_argument names the line.
[[nodiscard]] millrace::Result<std::vector<Invoice>> read_invoices(millrace::FileSystem& files,
                                                                   const std::string& path,
                                                                   std::size_t limit = 0);

/// The same from the text of the file.
[[nodiscard]] millrace::Result<std::vector<Invoice>> parse_invoices(std::string_view csv,
                                                                    std::size_t limit = 0);

/// The body to POST to `/orders`, `/returns` or `/write-offs`.
[[nodiscard]] std::string request_body(const Invoice& invoice);
/// `/orders`, `/returns`, `/write-offs`.
[[nodiscard]] std::string_view request_path(InvoiceKind kind);

}  // namespace retail
