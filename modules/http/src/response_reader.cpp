// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "response_reader.hpp"

#include "message_parser.hpp"

namespace millrace::http {
namespace {

constexpr std::size_t max_header_bytes = 64UL * 1024;
constexpr int max_interim_responses = 16;

}  // namespace

struct ResponseReader::Impl {
  std::size_t max_body_bytes;
  bool to_head = false;
  int interim = 0;
  std::string failure{};
  Response response{};
  std::optional<MessageParser<false, Response>> parser{};
  ErrorCodeOfBeast error{};
};

ResponseReader::ResponseReader(std::size_t max_body_bytes) : impl_(new Impl{max_body_bytes}) {
  reset(false);
}
ResponseReader::~ResponseReader() = default;

void ResponseReader::reset(bool to_head) {
  impl_->to_head = to_head;
  impl_->interim = 0;
  impl_->failure.clear();
  begin();
}

void ResponseReader::begin() {
  impl_->response = Response{};
  impl_->response.content_type.clear();
  impl_->error = {};
  impl_->parser.emplace(impl_->response, max_header_bytes, nullptr);
  impl_->parser->body_limit(impl_->max_body_bytes);
  impl_->parser->skip(impl_->to_head);
}

std::size_t ResponseReader::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (true) {
    used += feed_parser(*impl_->parser, bytes.substr(used), impl_->error);
    const bool interim = state() == ReadState::done && impl_->response.status < 200;
    if (!interim) {
      return used;
    }
    if (impl_->response.status == 101) {
      impl_->failure = "the server switched to a protocol that was not asked for";
      return used;
    }
    if (++impl_->interim > max_interim_responses) {
      impl_->failure = "too many interim responses";
      return used;
    }
    begin();
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
  if (impl_->error || !impl_->failure.empty()) {
    return ReadState::failed;
  }
  return impl_->parser->is_done() ? ReadState::done : ReadState::need_more;
}

bool ResponseReader::keep_alive() const { return impl_->parser->keep_alive(); }
Response& ResponseReader::response() { return impl_->response; }
std::string ResponseReader::failure() const {
  if (!impl_->failure.empty()) {
    return impl_->failure;
  }
  return impl_->parser->refusal() ? impl_->parser->refusal()->detail : impl_->error.message();
}

}  // namespace millrace::http
