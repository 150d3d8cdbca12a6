// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// The text of `ce_requestid` (docs/formats/cloud_events.md): the requests that wait for what an
// event leads to, the innermost first, such as `wallets.requests:m-1 shop.requests:o-7`. A request
// is named by the topic that it was asked in and by its id.
namespace millrace::stream {

/// Of the id of a request at most, in bytes: each event that it leads to carries it.
inline constexpr std::size_t request_id_bytes_max = 1'024;

/// With another request as the innermost one, in place of one that was asked in the same topic.
/// `topic` is a name of a topic, `id` any text.
[[nodiscard]] std::string push_request(std::string_view requests, std::string_view topic,
                                       std::string_view id);
/// The id of the request that was asked in that topic.
[[nodiscard]] std::optional<std::string> request_of(std::string_view requests,
                                                    std::string_view topic);

}  // namespace millrace::stream
