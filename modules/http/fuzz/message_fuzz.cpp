// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/assert.hpp"
#include "request_reader.hpp"
#include "response_reader.hpp"

namespace {

using namespace millrace::http;

// Above what the fuzzer makes: limits depend on how bytes arrive, messages must not.
constexpr std::size_t limit = 1UL << 24U;

void expect_clear_end(const Request& request) {
  const auto length = request.header("Content-Length");
  const auto coding = request.header("Transfer-Encoding");
  MILLRACE_ASSERT(!length || !coding, "an accepted request has one end");
  MILLRACE_ASSERT(!length || std::stoull(std::string(*length)) == request.body.size(),
                  "a body has its length");
  MILLRACE_ASSERT(length || coding || request.body.empty(), "a body is announced");
}

// The requests in `bytes`, given to a reader in pieces of `piece` bytes.
std::vector<std::string> requests_of(std::string_view bytes, std::size_t piece) {
  millrace::telemetry::Gauge used;
  BodyBudget budget(limit, used);
  RequestReader reader(limit, limit, budget);
  std::vector<std::string> requests;
  std::string held;
  while (!bytes.empty() || !held.empty()) {
    held += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    const std::size_t n = reader.feed(held);
    held.erase(0, n);
    if (reader.state() == ReadState::failed) {
      MILLRACE_ASSERT(reader.failure().status >= 400, "a refusal has a status");
      break;
    }
    if (reader.state() == ReadState::done) {
      expect_clear_end(reader.request());
      requests.push_back(reader.request().target + '\n' + reader.request().body);
      reader.reset();
    } else if (n == 0 && bytes.empty()) {
      break;
    }
  }
  return requests;
}

void read_responses(std::string_view bytes) {
  ResponseReader reader(limit);
  while (!bytes.empty()) {
    const std::size_t n = reader.feed(bytes);
    bytes.remove_prefix(n);
    if (reader.state() != ReadState::done) {
      break;
    }
    reader.reset(false);
  }
  reader.feed_end();
}

}  // namespace

// However the bytes arrive, they are the same requests.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = 1 + data[0];
  MILLRACE_ASSERT(requests_of(bytes, bytes.size() + 1) == requests_of(bytes, piece),
                  "a request cut anywhere is the same request");
  read_responses(bytes);
  return 0;
}
