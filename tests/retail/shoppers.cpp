// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "shoppers.hpp"

#include <poll.h>

#include <array>

namespace retail_test {

namespace {

constexpr int pause_ms = 20;

std::string line(const std::string& product, std::int64_t quantity, std::int64_t unit_price_milli) {
  return R"({"product":")" + product + R"(","quantity":)" + std::to_string(quantity) +
         R"(,"unit_price_milli":)" + std::to_string(unit_price_milli) + "}";
}

Posting posting(const std::string& target, const std::string& id_name, const std::string& id,
                const std::string& country, const std::string& lines) {
  return {target, id,
          "{\"" + id_name + R"(":")" + id + R"(","country":")" + country +
              R"(","ordered_at":"2011-03-04T05:06:07Z","lines":[)" + lines + "]}"};
}

}  // namespace

Posting order(const std::string& id, const std::string& product, std::int64_t quantity,
              std::int64_t unit_price_milli, const std::string& country) {
  return posting("/orders", "order_id", id, country, line(product, quantity, unit_price_milli));
}

Posting goods_return(const std::string& id, const std::string& product) {
  return posting("/returns", "return_id", id, "United Kingdom", line(product, 2, 2'550));
}

Posting write_off(const std::string& id, const std::string& product) {
  return posting("/write-offs", "write_off_id", id, "United Kingdom", line(product, 3, 0));
}

std::vector<Posting> mixed_postings(const std::string& prefix, int count) {
  constexpr std::array<const char*, 7> products{"85123A", "71053", "84406B", "22752",
                                                "POST",   "21730", "22633"};
  constexpr std::array<const char*, 3> countries{"United Kingdom", "France", "EIRE"};
  std::vector<Posting> postings;
  for (int i = 0; i < count; ++i) {
    const auto n = static_cast<std::size_t>(i);
    const std::string id = prefix + std::to_string(i);
    if (i % 11 == 10) {
      postings.push_back(goods_return(id, products[n % 4]));
    } else if (i % 17 == 16) {
      postings.push_back(write_off(id, products[n % 4]));
    } else {
      std::string lines;
      for (std::size_t l = 0; l <= n % 4; ++l) {
        lines += (l == 0 ? "" : ",") +
                 line(products[(n + l * 2) % products.size()], 1 + i % 5, 1'250 + i);
      }
      postings.push_back(
          posting("/orders", "order_id", id, countries[n % countries.size()], lines));
    }
  }
  return postings;
}

Shoppers::Shoppers(const Services& services, std::vector<Posting> postings, Shopping how)
    : services_(services),
      postings_(std::move(postings)),
      storefronts_(std::move(how.ask)),
      statuses_(postings_.size()) {
  for (int i = 0; i < how.at_once; ++i)
    threads_.emplace_back([this] { shop(); });
}

Shoppers::~Shoppers() { leaving_ = true; }

void Shoppers::shop() {
  for (std::size_t number = next_++; number < postings_.size() && !leaving_; number = next_++) {
    const Posting& posting = postings_[number];
    while (!leaving_) {
      const std::string& storefront = storefronts_[asked_++ % storefronts_.size()];
      const int status = services_.post(posting.target, posting.body, {}, storefront).status;
      const bool undecided = status == 202;
      const bool refused = status == 0 || status == 429 || status == 503 || status == 504;
      if (!undecided && !refused) {
        statuses_[number] = status;
        ++answered_;
        break;
      }
      refused_ += refused ? 1 : 0;
      ::poll(nullptr, 0, pause_ms);
    }
  }
}

testing::AssertionResult Shoppers::served() const {
  return await("all " + std::to_string(postings_.size()) + " requests are answered",
               [this] { return answered_ == static_cast<int>(postings_.size()); });
}

testing::AssertionResult Shoppers::all_answered(int status) const {
  for (std::size_t i = 0; i < postings_.size(); ++i) {
    if (statuses_[i] != status) {
      return testing::AssertionFailure()
             << postings_[i].id << " was answered " << statuses_[i] << ", not " << status;
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace retail_test
