// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/responder.hpp"

#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/http/problem.hpp"

namespace millrace::http {

void Responder::send(Response response) {
  MILLRACE_ASSERT(sink_ != nullptr, "a request is answered once");
  std::exchange(sink_, nullptr)->deliver(std::move(response));
}

void Responder::drop() {
  if (sink_) {
    send(problem(500, "handler-gave-no-answer", {},
                 "The request was accepted but its handler gave no answer."));
  }
}

}  // namespace millrace::http
