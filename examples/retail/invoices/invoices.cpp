// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/invoices/invoices.hpp"

#include <charconv>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>

#include <zstd.h>

#include "retail/contracts/requests.hpp"
#include "retail/invoices/csv_scanner.hpp"

namespace retail {

using namespace millrace;

namespace {

constexpr std::size_t piece_bytes = 1U << 20U;

bool digits(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

/// `2.55` -> 2550: up to three decimals, exactly.
bool milli_of(std::string_view text, std::int64_t& out) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  std::int64_t whole = 0;
  std::int64_t fraction = 0;
  if (!digits(text.substr(0, point), whole) || whole < 0 || whole > INT64_MAX / 2000) return false;
  if (point != std::string_view::npos) {
    std::string_view decimals = text.substr(point + 1);
    while (decimals.size() > 3 && decimals.ends_with('0'))
      decimals.remove_suffix(1);
    if (decimals.empty() || decimals.size() > 3 || !digits(decimals, fraction) || fraction < 0)
      return false;
    for (std::size_t i = decimals.size(); i < 3; ++i)
      fraction *= 10;
  }
  out = (whole * 1000 + fraction) * (negative ? -1 : 1);
  return true;
}

/// `2010-12-01 08:26:00`, taken as UTC.
bool time_of(std::string_view text, std::int64_t& out) {
  std::int64_t part[6] = {};
  constexpr std::size_t begins[] = {0, 5, 8, 11, 14, 17};
  if (text.size() != 19 || text[4] != '-' || text[7] != '-' || text[10] != ' ' || text[13] != ':' ||
      text[16] != ':')
    return false;
  for (std::size_t i = 0; i < 6; ++i) {
    if (!digits(text.substr(begins[i], i == 0 ? 4 : 2), part[i]) || part[i] < 0) return false;
  }
  if (part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31 || part[3] > 23 || part[4] > 59 ||
      part[5] > 59)
    return false;
  // Days since 1970 of a Gregorian date, counting years from March so that the leap day is the last
  // (Hinnant, chrono-Compatible Low-Level Date Algorithms).
  const std::int64_t year = part[0] - (part[1] <= 2 ? 1 : 0);
  const std::int64_t era = year / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (part[1] + (part[1] > 2 ? -3 : 9)) + 2) / 5 + part[2] - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  const std::int64_t days = era * 146'097 + day_of_era - 719'468;
  out = ((days * 24 + part[3]) * 60 + part[4]) * 60'000 + part[5] * 1000;
  return true;
}

/// Gathers rows into invoices.
class Gathering {
 public:
  explicit Gathering(std::size_t limit) : limit_(limit) { index_.reserve(32'768); }

  Status push(std::string_view piece) {
    return scanner_.push(piece, [this](const CsvScanner::Row& row) { return take(row); });
  }
  Result<std::vector<Invoice>> finish() {
    MILLRACE_TRY(scanner_.finish([this](const CsvScanner::Row& row) { return take(row); }));
    if (scanner_.rows() == 0) return fail(errc::invalid_argument, "the file is empty");
    for (Invoice& invoice : invoices_)
      classify(invoice);
    return std::move(invoices_);
  }

 private:
  Status take(const CsvScanner::Row& row) {
    if (scanner_.rows() == 1) {
      if (row[0] == "InvoiceNo") return {};
      return fail(errc::invalid_argument,
                  "the first row is not the header InvoiceNo,StockCode,...");
    }
    Invoice* invoice = find(row);
    if (invoice == nullptr) return {};
    InvoiceLine line{std::string(row[1]), std::string(row[2]), 0, 0};
    if (!digits(row[3], line.quantity)) return bad("Quantity", row[3]);
    if (!milli_of(row[5], line.unit_price_milli)) return bad("UnitPrice", row[5]);
    if (invoice->lines.empty() && !time_of(row[4], invoice->ordered_at_ms))
      return bad("InvoiceDate", row[4]);
    invoice->lines.push_back(std::move(line));
    return {};
  }

  /// The invoice that a row belongs to; made when new; null when it is beyond the limit.
  Invoice* find(const CsvScanner::Row& row) {
    // A number's rows mostly follow each other.
    if (last_ < invoices_.size() && invoices_[last_].id == row[0]) return &invoices_[last_];
    auto found = index_.find(row[0]);
    if (found == index_.end()) {
      if (limit_ != 0 && invoices_.size() >= limit_) return nullptr;
      found = index_.emplace(std::string(row[0]), invoices_.size()).first;
      Invoice& invoice = invoices_.emplace_back();
      invoice.id = row[0];
      invoice.country = row[7];
      std::string_view customer = row[6];
      if (customer.ends_with(".0")) customer.remove_suffix(2);
      if (!customer.empty()) invoice.customer = std::string(customer);
    }
    last_ = found->second;
    return &invoices_[last_];
  }

  static void classify(Invoice& invoice) {
    bool negative = false;
    for (const InvoiceLine& line : invoice.lines)
      negative = negative || line.quantity < 0;
    if (invoice.id.starts_with('A')) {
      invoice.kind = InvoiceKind::adjustment;
      return;
    }
    invoice.kind = invoice.id.starts_with('C') ? InvoiceKind::goods_return
                   : negative                  ? InvoiceKind::write_off
                                               : InvoiceKind::order;
    for (InvoiceLine& line : invoice.lines) {
      if (line.quantity < 0) line.quantity = -line.quantity;
    }
  }

  Status bad(std::string_view field, std::string_view value) const {
    return fail(errc::invalid_argument, "row " + std::to_string(scanner_.rows()) + ": " +
                                            std::string(field) + " '" + std::string(value) +
                                            "' is not one");
  }

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  CsvScanner scanner_;
  std::size_t limit_;
  std::size_t last_ = 0;
  std::vector<Invoice> invoices_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> index_;
};

Status unpack(File& file, const std::string& path, Gathering& gathering) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> zstd(ZSTD_createDCtx(),
                                                                  &ZSTD_freeDCtx);
  std::string packed(piece_bytes, '\0');
  std::string plain(piece_bytes, '\0');
  std::size_t pending = 0;
  for (std::uint64_t offset = 0;;) {
    MILLRACE_ASSIGN(const std::size_t size, file.read_at(offset, packed.data(), packed.size()));
    if (size == 0) break;
    offset += size;
    ZSTD_inBuffer in{packed.data(), size, 0};
    while (in.pos < in.size || pending != 0) {
      ZSTD_outBuffer out{plain.data(), plain.size(), 0};
      pending = ZSTD_decompressStream(zstd.get(), &out, &in);
      if (ZSTD_isError(pending) != 0)
        return fail(errc::invalid_argument,
                    path + ": not a zstd file: " + ZSTD_getErrorName(pending));
      MILLRACE_TRY(gathering.push(std::string_view(plain).substr(0, out.pos)));
      if (out.pos < out.size && in.pos == in.size) break;
    }
  }
  if (pending != 0) return fail(errc::invalid_argument, path + ": the file ends early");
  return {};
}

Status copy(File& file, Gathering& gathering) {
  std::string plain(piece_bytes, '\0');
  for (std::uint64_t offset = 0;;) {
    MILLRACE_ASSIGN(const std::size_t size, file.read_at(offset, plain.data(), plain.size()));
    if (size == 0) return {};
    offset += size;
    MILLRACE_TRY(gathering.push(std::string_view(plain).substr(0, size)));
  }
}

}  // namespace

Result<std::vector<Invoice>> parse_invoices(std::string_view csv, std::size_t limit) {
  Gathering gathering(limit);
  MILLRACE_TRY(gathering.push(csv));
  return gathering.finish();
}

Result<std::vector<Invoice>> read_invoices(FileSystem& files, const std::string& path,
                                           std::size_t limit) {
  MILLRACE_ASSIGN(const auto file, files.open(path, OpenMode::read));
  Gathering gathering(limit);
  MILLRACE_TRY(path.ends_with(".zst") ? unpack(*file, path, gathering) : copy(*file, gathering));
  auto invoices = gathering.finish();
  if (!invoices) return fail(invoices.error().at(path));
  return invoices;
}

std::string_view request_path(InvoiceKind kind) {
  switch (kind) {
    case InvoiceKind::goods_return:
      return "/returns";
    case InvoiceKind::write_off:
      return "/write-offs";
    case InvoiceKind::order:
    case InvoiceKind::adjustment:
      break;
  }
  return "/orders";
}

}  // namespace retail
