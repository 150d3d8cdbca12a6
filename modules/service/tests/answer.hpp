// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <future>
#include <utility>

#include "millrace/http/responder.hpp"

namespace millrace::service {

/// Keeps the response of one request for a test. Any thread may deliver it.
class Answer final : public http::ResponseSink {
 public:
  void deliver(http::Response response) override { promised_.set_value(std::move(response)); }
  std::future<http::Response> future() { return promised_.get_future(); }

 private:
  std::promise<http::Response> promised_;
};

}  // namespace millrace::service
