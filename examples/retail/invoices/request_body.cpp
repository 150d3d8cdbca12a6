// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <boost/describe/class.hpp>

#include "millrace/base/time_text.hpp"
#include "millrace/codec/describe.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/invoices/invoices.hpp"

namespace retail {

namespace {

// What storefront takes, one field for the id under each of its names.
struct Body {
  std::optional<std::string> customer_id;
  std::string country;
  std::string ordered_at;
  std::vector<RequestedLine> lines;
};
BOOST_DESCRIBE_STRUCT(Body, (), (customer_id, country, ordered_at, lines))
struct OrderBody : Body {
  std::string order_id;
};
BOOST_DESCRIBE_STRUCT(OrderBody, (Body), (order_id))
struct ReturnBody : Body {
  std::string return_id;
};
BOOST_DESCRIBE_STRUCT(ReturnBody, (Body), (return_id))
struct WriteOffBody : Body {
  std::string write_off_id;
};
BOOST_DESCRIBE_STRUCT(WriteOffBody, (Body), (write_off_id))

template <class T>
std::string body_of(const Invoice& invoice, std::string T::* id) {
  T body;
  body.*id = invoice.id;
  body.customer_id = invoice.customer;
  body.country = invoice.country;
  body.ordered_at = millrace::format_time(invoice.ordered_at_ms);
  body.lines.reserve(invoice.lines.size());
  for (const InvoiceLine& line : invoice.lines) {
    RequestedLine& added = body.lines.emplace_back();
    added.product.text = line.product;
    if (!line.description.empty()) added.description = line.description;
    added.quantity = line.quantity;
    added.unit_price_milli.milli = line.unit_price_milli;
  }
  return millrace::codec::to_json(body);
}

}  // namespace

std::string request_body(const Invoice& invoice) {
  switch (invoice.kind) {
    case InvoiceKind::goods_return:
      return body_of(invoice, &ReturnBody::return_id);
    case InvoiceKind::write_off:
      return body_of(invoice, &WriteOffBody::write_off_id);
    case InvoiceKind::order:
    case InvoiceKind::adjustment:
      break;
  }
  return body_of(invoice, &OrderBody::order_id);
}

}  // namespace retail
