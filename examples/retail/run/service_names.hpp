// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <string_view>

namespace retail {

/// The seven services in the order in which a run starts them; insights is last and reads history.
inline constexpr std::array<std::string_view, 7> service_names{
    "orders", "stock", "payments", "shipments", "pricing", "storefront", "insights"};

}  // namespace retail
