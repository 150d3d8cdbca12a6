// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "body_budget.hpp"
#include "framing.hpp"
#include "millrace/http/message.hpp"

namespace millrace::http {

namespace beast = boost::beast;
using ErrorCodeOfBeast = beast::error_code;
using BeastText = beast::string_view;

inline std::string_view text_of(BeastText text) { return {text.data(), text.size()}; }

inline Method method_of(beast::http::verb method) {
  using beast::http::verb;
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

/// What both kinds of message have in common: fields and body go straight into our own value, so
/// that Beast's containers, with an allocation for each field, are not needed.
template <bool is_request, class Message>
class MessageParser : public beast::http::basic_parser<is_request> {
 public:
  /// `share` is what the body is charged to, or null; it outlives the parser.
  MessageParser(Message& message, std::size_t max_header_bytes, BodyShare* share)
      : message_(message), max_header_bytes_(max_header_bytes), share_(share) {
    this->eager(true);
    this->header_limit(static_cast<std::uint32_t>(max_header_bytes));
  }

  /// What put() gets next: values of fields are looked for in it.
  void will_read(std::string_view bytes) { input_ = bytes; }
  /// Of bytes that put() left: more than one line of any kind may have.
  [[nodiscard]] bool is_too_much(std::size_t left) const { return left >= max_header_bytes_; }
  /// Why the message was refused, when it was not Beast that refused it.
  [[nodiscard]] const std::optional<ReadFailure>& refusal() const { return refusal_; }

 protected:
  Message& message_;

 private:
  // Beast joins folded fields into a buffer of its own; here they are refused (RFC 9112, 5.2).
  [[nodiscard]] bool is_folded(std::string_view name, std::string_view value) const {
    const char* const from = name.data() + name.size();
    const std::less<> before;
    if (before(value.data(), from) || before(input_.data() + input_.size(), value.data())) {
      return true;
    }
    return std::find(from, value.data(), '\r') != value.data();
  }
  void refuse(ReadFailure failure, ErrorCodeOfBeast& ec) {
    refusal_ = std::move(failure);
    ec = beast::http::error::bad_value;
  }
  // Beast's own limit is for what it is given at once.
  void count_header_bytes(std::size_t bytes, ErrorCodeOfBeast& ec) {
    header_bytes_ += bytes;
    if (header_bytes_ > max_header_bytes_) {
      ec = beast::http::error::header_limit;
    }
  }

  void on_request_impl(beast::http::verb method, BeastText /*name*/, BeastText target, int version,
                       ErrorCodeOfBeast& ec) override {
    if constexpr (is_request) {
      message_.method = method_of(method);
      message_.target = text_of(target);
      is_connect_ = method == beast::http::verb::connect;
      is_http_11_ = version >= 11;
      count_header_bytes(target.size(), ec);
    } else {
      ec = beast::http::error::bad_method;
    }
  }
  void on_response_impl(int code, BeastText /*reason*/, int version,
                        ErrorCodeOfBeast& ec) override {
    if constexpr (is_request) {
      ec = beast::http::error::bad_status;
    } else {
      message_.status = code;
      is_http_11_ = version >= 11;
    }
  }
  void on_field_impl(beast::http::field name, BeastText name_text, BeastText value,
                     ErrorCodeOfBeast& ec) override {
    if (is_folded(text_of(name_text), text_of(value))) {
      return refuse({400, "A field is folded over several lines."}, ec);
    }
    constexpr std::size_t separators = 4;  // ": " and the end of the line
    count_header_bytes(name_text.size() + value.size() + separators, ec);
    // Fields behind a chunked body could change what has been decided on the head.
    if (ec || this->is_header_done()) {
      return;
    }
    if constexpr (!is_request) {
      if (name == beast::http::field::content_type) {
        message_.content_type = text_of(value);
      }
    }
    message_.headers.add(text_of(name_text), text_of(value));
  }
  void on_header_impl(ErrorCodeOfBeast& ec) override {
    if constexpr (is_request) {
      const RequestLine line{is_connect_, message_.method == Method::options, is_http_11_,
                             message_.target};
      if (auto failure = check_request_head(line, message_.headers)) {
        return refuse(*std::move(failure), ec);
      }
      if (share_ != nullptr && !share_->may_fit(this->content_length().value_or(0))) {
        refuse(no_memory(), ec);
      }
    } else {
      if (auto text = check_response_head(message_.status, is_http_11_, message_.headers)) {
        refuse({400, *std::move(text)}, ec);
      }
    }
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                         ErrorCodeOfBeast& /*ec*/) override {
    // A large length is a claim, not yet a reason to take memory.
    message_.body.reserve(std::min<std::uint64_t>(length.value_or(0), BodyShare::free_bytes));
  }
  std::size_t on_body_impl(BeastText body, ErrorCodeOfBeast& ec) override {
    if (!make_room(message_.body.size() + body.size())) {
      refuse(no_memory(), ec);
      return 0;
    }
    message_.body.append(body.data(), body.size());
    return body.size();
  }
  // Grows as a string does by itself, so that what is charged is what is taken.
  [[nodiscard]] bool make_room(std::size_t size) {
    const std::size_t capacity = message_.body.capacity();
    if (share_ == nullptr || size <= capacity) {
      return true;
    }
    const std::size_t grown = std::max(size, 2 * capacity);
    if (!share_->grow_to(grown)) {
      return false;
    }
    message_.body.reserve(grown);
    return true;
  }
  static ReadFailure no_memory() {
    return {503, "The bodies of other requests take all memory that there is for bodies."};
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, BeastText extensions,
                            ErrorCodeOfBeast& ec) override {
    extension_bytes_ += extensions.size();
    if (extension_bytes_ > max_header_bytes_) {
      return refuse({400, "The chunk extensions are larger than " +
                              std::to_string(max_header_bytes_) + " bytes."},
                    ec);
    }
    // Beast takes any character in quotes: a line end there is one for others on the way.
    if (std::any_of(extensions.begin(), extensions.end(), is_control)) {
      refuse({400, "A chunk extension has a control character."}, ec);
    }
  }
  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, BeastText body,
                                 ErrorCodeOfBeast& ec) override {
    return on_body_impl(body, ec);
  }
  void on_finish_impl(ErrorCodeOfBeast& /*ec*/) override {}

  static bool is_control(char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  }

  const std::size_t max_header_bytes_;
  BodyShare* const share_;
  std::string_view input_;
  std::optional<ReadFailure> refusal_;
  std::size_t header_bytes_ = 0;
  std::size_t extension_bytes_ = 0;
  bool is_connect_ = false;
  bool is_http_11_ = true;
};

/// Feeds until the message is done, nothing more is used, or it fails.
template <class Beast>
std::size_t feed_parser(Beast& parser, std::string_view bytes, ErrorCodeOfBeast& failure) {
  std::size_t used = 0;
  while (!parser.is_done() && used < bytes.size()) {
    ErrorCodeOfBeast ec;
    parser.will_read(bytes.substr(used));
    const std::size_t n =
        parser.put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
    used += n;
    if (ec == beast::http::error::need_more) {
      if (parser.is_too_much(bytes.size() - used)) {
        failure = beast::http::error::header_limit;
      }
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

}  // namespace millrace::http
