// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "message_reader.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>

namespace millrace::http {
namespace {

namespace beast = boost::beast;
using ErrorCodeOfBeast = beast::error_code;
using beast::http::verb;
using BeastText = beast::string_view;

std::string_view view(BeastText text) { return {text.data(), text.size()}; }

Method method_of(verb method) {
  switch (method) {
    case verb::get:
      return Method::get;
    case verb::head:
      return Method::head;
    case verb::post:
      return Method::post;
    case verb::put:
      return Method::put;
    case verb::delete_:
      return Method::del;
    case verb::patch:
      return Method::patch;
    case verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

// What both kinds of message have in common: fields and body go straight into our own value, so
// that Beast's containers, with an allocation for each field, are not needed.
template <bool is_request, class Message>
class Parser : public beast::http::basic_parser<is_request> {
 public:
  explicit Parser(Message& message) : message_(message) { this->eager(true); }

 protected:
  Message& message_;

 private:
  void on_request_impl(verb method, BeastText /*name*/, BeastText target, int /*version*/,
                       ErrorCodeOfBeast& ec) override {
    if constexpr (is_request) {
      message_.method = method_of(method);
      message_.target = view(target);
    } else {
      ec = beast::http::error::bad_method;
    }
  }
  void on_response_impl(int code, BeastText /*reason*/, int /*version*/,
                        ErrorCodeOfBeast& ec) override {
    if constexpr (is_request) {
      ec = beast::http::error::bad_status;
    } else {
      message_.status = code;
    }
  }
  void on_field_impl(beast::http::field name, BeastText name_text, BeastText value,
                     ErrorCodeOfBeast& /*ec*/) override {
    // Fields behind a chunked body could change what has been decided on the head.
    if (this->is_header_done()) {
      return;
    }
    if constexpr (!is_request) {
      if (name == beast::http::field::content_type) {
        message_.content_type = view(value);
      }
    }
    message_.headers.add(view(name_text), view(value));
  }
  void on_header_impl(ErrorCodeOfBeast& /*ec*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                         ErrorCodeOfBeast& /*ec*/) override {
    // A large length is a claim, not yet a reason to take memory.
    message_.body.reserve(std::min<std::uint64_t>(length.value_or(0), 64UL * 1024));
  }
  std::size_t on_body_impl(BeastText body, ErrorCodeOfBeast& /*ec*/) override {
    message_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, BeastText /*extensions*/,
                            ErrorCodeOfBeast& /*ec*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, BeastText body,
                                 ErrorCodeOfBeast& ec) override {
    return on_body_impl(body, ec);
  }
  void on_finish_impl(ErrorCodeOfBeast& /*ec*/) override {}
};

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

// Feeds until the message is done, nothing more is used, or it fails.
template <class Beast>
std::size_t feed_parser(Beast& parser, std::string_view bytes, ErrorCodeOfBeast& failure) {
  std::size_t used = 0;
  while (!parser.is_done() && used < bytes.size()) {
    ErrorCodeOfBeast ec;
    const std::size_t n =
        parser.put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
    used += n;
    if (ec == beast::http::error::need_more) {
      break;
    }
    if (ec) {
      failure = ec;
      break;
    }
    if (n == 0) {
      break;
    }
  }
  return used;
}

}  // namespace

struct RequestReader::Impl {
  std::uint32_t max_header_bytes;
  std::size_t max_body_bytes;
  Request request{};
  std::optional<Parser<true, Request>> parser{};
  ErrorCodeOfBeast error{};
};

RequestReader::RequestReader(std::size_t max_header_bytes, std::size_t max_body_bytes)
    : impl_(new Impl{static_cast<std::uint32_t>(std::min<std::size_t>(max_header_bytes, 1U << 30U)),
                     max_body_bytes}) {
  reset();
}
RequestReader::~RequestReader() = default;

void RequestReader::reset() {
  Request& request = impl_->request;
  request.target.clear();
  request.path.clear();
  request.headers.clear();
  request.body.clear();
  request.id.clear();
  impl_->error = {};
  impl_->parser.emplace(request);
  impl_->parser->header_limit(impl_->max_header_bytes);
  impl_->parser->body_limit(impl_->max_body_bytes);
}

std::size_t RequestReader::feed(std::string_view bytes) {
  std::size_t blank = 0;
  if (!started()) {
    // RFC 9112, 2.2: an empty line before the request line is passed over.
    blank = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
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
Request& RequestReader::request() { return impl_->request; }
ReadFailure RequestReader::failure() const {
  return failure_of(impl_->error, impl_->max_header_bytes, impl_->max_body_bytes);
}

struct ResponseReader::Impl {
  std::size_t max_body_bytes;
  bool to_head = false;
  Response response{};
  std::optional<Parser<false, Response>> parser{};
  ErrorCodeOfBeast error{};
};

ResponseReader::ResponseReader(std::size_t max_body_bytes) : impl_(new Impl{max_body_bytes}) {
  reset(false);
}
ResponseReader::~ResponseReader() = default;

void ResponseReader::reset(bool to_head) {
  impl_->to_head = to_head;
  impl_->response = Response{};
  impl_->response.content_type.clear();
  impl_->error = {};
  impl_->parser.emplace(impl_->response);
  impl_->parser->header_limit(64U * 1024);
  impl_->parser->body_limit(impl_->max_body_bytes);
  impl_->parser->skip(to_head);
}

std::size_t ResponseReader::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (true) {
    used += feed_parser(*impl_->parser, bytes.substr(used), impl_->error);
    const bool interim =
        state() == ReadState::done && impl_->response.status < 200 && impl_->response.status != 101;
    if (!interim) {
      return used;
    }
    reset(impl_->to_head);
  }
}

void ResponseReader::feed_end() {
  if (!impl_->parser->got_some()) {
    impl_->error = beast::http::error::end_of_stream;
  } else if (state() == ReadState::need_more) {
    impl_->parser->put_eof(impl_->error);
    if (!impl_->error && !impl_->parser->is_done()) {
      impl_->error = beast::http::error::partial_message;
    }
  }
}

ReadState ResponseReader::state() const {
  if (impl_->error) {
    return ReadState::failed;
  }
  return impl_->parser->is_done() ? ReadState::done : ReadState::need_more;
}

bool ResponseReader::keep_alive() const { return impl_->parser->keep_alive(); }
Response& ResponseReader::response() { return impl_->response; }
std::string ResponseReader::failure() const { return impl_->error.message(); }

}  // namespace millrace::http
