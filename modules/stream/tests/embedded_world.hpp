// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>

#include "millrace/log_embedded/embedded.hpp"
#include "runtime_world.hpp"

namespace millrace::stream::test {

/// An embedded log on a simulated machine. One that settles does it while time passes.
std::unique_ptr<RuntimeWorld> make_embedded_world(log::SettleOptions settle);
/// The same on a disk that outlives it, in the directory `/log`. Random numbers are those of
/// `seed`.
std::unique_ptr<RuntimeWorld> make_embedded_world(FaultFileSystem& disk, std::uint64_t seed);

}  // namespace millrace::stream::test
