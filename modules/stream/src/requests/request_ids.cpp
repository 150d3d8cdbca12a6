// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/request_ids.hpp"

#include "millrace/base/text.hpp"

namespace millrace::stream {

std::string push_request(std::string_view requests, std::string_view topic, std::string_view id) {
  std::string pushed(topic);
  pushed.append(":").append(percent_encode(id));
  if (!requests.empty()) pushed.append(" ").append(requests);
  return pushed;
}

std::optional<std::string> innermost_request(std::string_view requests, std::string_view topic) {
  std::string_view first = requests.substr(0, requests.find(' '));
  if (first.size() <= topic.size() || !first.starts_with(topic) || first[topic.size()] != ':')
    return std::nullopt;
  first.remove_prefix(topic.size() + 1);
  return percent_decode(first);
}

std::string_view outer_requests(std::string_view requests) {
  const std::size_t end = requests.find(' ');
  return end == std::string_view::npos ? std::string_view() : requests.substr(end + 1);
}

}  // namespace millrace::stream
