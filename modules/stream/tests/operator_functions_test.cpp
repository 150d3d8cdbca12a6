// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Which functions operators take: those below compile, or do not.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/stream/topology.hpp"
#include "shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using Orders = Stream<string, Placed>;
using Grouped = GroupedStream<string, Placed>;
using Windows = WindowedStream<string, Placed>;

template <class F>
concept CanFilter = requires(const Orders& orders, F fn) {
  orders.filter(fn);
  orders.filter_not(fn);
};
template <class F>
concept CanMap = requires(const Orders& orders, F fn) { orders.map(fn); };
template <class F>
concept CanFlatMap = requires(const Orders& orders, F fn) { orders.flat_map(fn); };
template <class F>
concept CanFlatMapValues = requires(const Orders& orders, F fn) { orders.flat_map_values(fn); };
template <class F>
concept CanReduce = requires(const Grouped& grouped, const Windows& windows, F fn) {
  grouped.reduce(fn, "store");
  windows.reduce(fn, "store");
};
template <class F>
concept CanAggregate = requires(const Grouped& grouped, const Windows& windows, F fn) {
  grouped.aggregate(std::int64_t{0}, fn, "store");
  windows.aggregate(std::int64_t{0}, fn, "store");
};
template <class W>
concept CanWindow = requires(const Grouped& grouped, W windows) { grouped.windowed_by(windows); };
template <class F>
concept CanChoose = requires(const Orders& orders, F fn) {
  orders.to("topic", fn);
  orders.to_private("topic", fn);
};

using Value = const Placed&;
using Key = const string&;
using Pair = std::pair<string, int>;

static_assert(CanFilter<bool (*)(Value)> && CanFilter<std::optional<int> (*)(Key, Value)>);
static_assert(!CanFilter<void (*)(Value)> && !CanFilter<string (*)(Value)>);
static_assert(!CanFilter<bool (*)(Key)> && !CanFilter<bool>);

static_assert(CanMap<Pair (*)(Key, Value)> && CanMap<Pair (*)(Value)>);
static_assert(!CanMap<int (*)(Key, Value)> && !CanMap<void (*)(Key, Value)>);

static_assert(CanWindow<TimeWindows> && !CanWindow<WindowsWithoutGrace>);

static_assert(CanFlatMap<std::vector<Pair> (*)(Key, Value)>);
static_assert(!CanFlatMap<std::vector<int> (*)(Key, Value)> && !CanFlatMap<Pair (*)(Key, Value)>);

static_assert(CanFlatMapValues<std::vector<int> (*)(Value)>);
static_assert(!CanFlatMapValues<int (*)(Value)>);

static_assert(CanReduce<Placed (*)(Value, Value)>);
static_assert(!CanReduce<Placed (*)(Value)> && !CanReduce<Placed (*)(Key, Value, Value)>);
static_assert(!CanReduce<string (*)(Value, Value)> && !CanReduce<void (*)(Value, Value)>);

static_assert(CanAggregate<std::int64_t (*)(Key, Value, std::int64_t)>);
static_assert(CanAggregate<std::int64_t (*)(Value, std::int64_t)>);
static_assert(!CanAggregate<std::int64_t (*)(Key, Value)>);
static_assert(!CanAggregate<string (*)(Key, Value, std::int64_t)>);
static_assert(!CanAggregate<void (*)(Key, Value, std::int64_t&)>, "returns nothing");

static_assert(CanChoose<std::int32_t (*)(Key, Value, std::int32_t)>);
static_assert(CanChoose<std::int32_t (*)(Key, const std::optional<Placed>&, std::int32_t)>);
static_assert(!CanChoose<std::int32_t (*)(Key, std::int32_t)>);
static_assert(!CanChoose<string (*)(Key, Value, std::int32_t)>);
static_assert(!CanChoose<codec::SerdePtr>, "a serde stands in serde()");
static_assert(CanChoose<Serdes>, "which is no function, but another overload");

}  // namespace
}  // namespace millrace::stream::test
