// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/stream/plan.hpp"

namespace millrace::stream {

// The steps of a build, each adding what it finds wrong to `problems`.

/// That everything declared is connected, and that topics written and read agree.
void check_plan(const Plan& plan, std::vector<std::string>& problems);
/// Fills Plan::sub_topologies: what is connected by messages or stores, named.
void cut_sub_topologies(Plan& plan, std::vector<std::string>& problems);
/// That equal keys of the inputs of a part with stores have equal bytes, which choose the
/// partition. Fills StoreSpec::input_key_serde.
void check_key_serdes(Plan& plan, std::vector<std::string>& problems);
/// Fills Plan::own_topics, the declared ones among them, and the numbers of partitions that
/// follow from them.
void list_topics(Plan& plan, const std::vector<log::TopicSpec>& declared, std::int32_t partitions,
                 std::vector<std::string>& problems);

}  // namespace millrace::stream
