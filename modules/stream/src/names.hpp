// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

#include "millrace/log/library_topics.hpp"
#include "millrace/stream/plan.hpp"

namespace millrace::stream {

/// Whether it can be part of a topic's name: 1 to 200 of [A-Za-z0-9._-].
[[nodiscard]] bool is_name(std::string_view name);
/// "'a b' must be ...", for messages.
[[nodiscard]] std::string name_advice(std::string_view name);

using log::repartition_suffix;
/// What the author called a private topic of the service: without the service and the suffix.
[[nodiscard]] std::string short_name(std::string_view service, std::string_view topic);
/// The topic in which the tasks of a part keep what they remember of time.
[[nodiscard]] std::string system_changelog(std::string_view service, std::string_view part);

/// "OrderId -> OrderEvent"; alternatives of a variant with bars between them.
[[nodiscard]] std::string type_names(const RecordType& type);
/// The two have serdes of the same names, and the same envelope.
[[nodiscard]] bool is_same_form(const RecordType& a, const RecordType& b);
/// A serde of the program is called like one of the library: one would be taken for the other.
[[nodiscard]] bool has_name_of_the_librarys(const codec::Serde& serde);
/// What a builder refuses of a topic, for readers and writers outside of topologies.
/// errc::invalid_argument.
[[nodiscard]] Status check_form(const RecordType& type, std::string_view topic);
/// `key -> json, cloud_events`.
[[nodiscard]] std::string form_text(const RecordType& type);
[[nodiscard]] std::string type_name(const codec::TypeInfo* type);

}  // namespace millrace::stream
