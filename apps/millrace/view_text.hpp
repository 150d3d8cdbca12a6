// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <string_view>

#include "output.hpp"

namespace millrace::cli {

/// Prints the names of views, a line each, from a service's `{"views":[...]}`. What has another
/// form is printed as it is, as with the following.
void print_views(std::string_view json, Output& out);

/// Prints a value: a line for each of its members.
void print_value(std::string_view json, Output& out);

/// Prints entries of a view, `{"entries":[{"key":...,"value":...}]}`: a line for each, a column for
/// the key and each member of the values. Returns how many there were.
std::size_t print_entries(std::string_view json, Output& out);

}  // namespace millrace::cli
