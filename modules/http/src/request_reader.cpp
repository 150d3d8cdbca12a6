// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "request_reader.hpp"

#include "message_parser.hpp"

namespace millrace::http {
namespace {

ReadFailure failure_of(const ErrorCodeOfBeast& ec, std::size_t max_header_bytes,
                       std::size_t max_body_bytes) {
  using beast::http::error;
  if (ec == error::body_limit) {
    return {413, "The body is larger than " + std::to_string(max_body_bytes) + " bytes."};
  }
  if (ec == error::header_limit) {
    return {431, "The header is larger than " + std::to_string(max_header_bytes) + " bytes."};
  }
  return {400, "The request is not valid HTTP/1.1: " + ec.message() + '.'};
}

}  // namespace

struct RequestReader::Impl {
  std::size_t max_header_bytes;
  std::size_t max_body_bytes;
  BodyShare share;
  Request request{};
  std::optional<MessageParser<true, Request>> parser{};
  ErrorCodeOfBeast error{};
};

RequestReader::RequestReader(std::size_t max_header_bytes, std::size_t max_body_bytes,
                             BodyBudget& budget)
    : impl_(new Impl{std::min<std::size_t>(max_header_bytes, 1U << 30U), max_body_bytes,
                     BodyShare(budget)}) {
  reset();
}
RequestReader::~RequestReader() = default;

void RequestReader::reset() {
  Request& request = impl_->request;
  request.target.clear();
  request.path.clear();
  request.headers.clear();
  release_body();
  request.id.clear();
  impl_->error = {};
  impl_->parser.emplace(request, impl_->max_header_bytes, &impl_->share);
  impl_->parser->body_limit(impl_->max_body_bytes);
}

std::size_t RequestReader::feed(std::string_view bytes) {
  std::size_t blank = 0;
  if (!started()) {
    // RFC 9112, 2.2: an empty line before the request line is passed over.
    while (bytes.substr(blank).starts_with("\r\n")) {
      blank += 2;
    }
    if (bytes.substr(blank) == "\r") {
      return blank;
    }
  }
  return blank + feed_parser(*impl_->parser, bytes.substr(blank), impl_->error);
}

ReadState RequestReader::state() const {
  if (impl_->error) {
    return ReadState::failed;
  }
  return impl_->parser->is_done() ? ReadState::done : ReadState::need_more;
}

bool RequestReader::started() const { return impl_->parser->got_some(); }

bool RequestReader::awaits_continue() const {
  if (state() != ReadState::need_more || !impl_->parser->is_header_done()) {
    return false;
  }
  const auto expect = impl_->request.headers.find("Expect");
  return expect && equal_ignoring_case(*expect, "100-continue");
}

bool RequestReader::keep_alive() const { return impl_->parser->keep_alive(); }
void RequestReader::release_body() {
  std::string().swap(impl_->request.body);
  impl_->share.release();
}
Request& RequestReader::request() { return impl_->request; }
ReadFailure RequestReader::failure() const {
  if (impl_->parser->refusal()) {
    return *impl_->parser->refusal();
  }
  return failure_of(impl_->error, impl_->max_header_bytes, impl_->max_body_bytes);
}

}  // namespace millrace::http
