// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/request_ids.hpp"

#include <algorithm>

#include "millrace/base/text.hpp"

namespace millrace::stream {

namespace {

// Takes the innermost request off.
std::string_view take_first(std::string_view& requests) {
  const std::string_view first = requests.substr(0, requests.find(' '));
  requests.remove_prefix(std::min(first.size() + 1, requests.size()));
  return first;
}

bool is_asked_in(std::string_view request, std::string_view topic) {
  return request.size() > topic.size() && request.starts_with(topic) &&
         request[topic.size()] == ':';
}

}  // namespace

std::string push_request(std::string_view requests, std::string_view topic, std::string_view id) {
  std::string pushed(topic);
  pushed.append(":").append(percent_encode(id));
  while (!requests.empty()) {
    const std::string_view request = take_first(requests);
    if (!is_asked_in(request, topic)) pushed.append(" ").append(request);
  }
  return pushed;
}

std::optional<std::string> request_of(std::string_view requests, std::string_view topic) {
  while (!requests.empty()) {
    const std::string_view request = take_first(requests);
    if (is_asked_in(request, topic)) return percent_decode(request.substr(topic.size() + 1));
  }
  return std::nullopt;
}

}  // namespace millrace::stream
