// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

namespace millrace::stream {

enum class NodeId : std::uint32_t;
enum class StoreId : std::uint32_t;

class StagedStore;
class Instance;
class Node;
class ProcessorContext;
class TaskContext;
class Topology;
class TopologyBuilder;

template <class K, class V>
class GroupedStream;
template <class K, class V>
class Processor;
template <class K, class V>
class Store;
template <class K, class V>
class Stream;
template <class K, class V>
class Table;
template <class K, class V>
class View;
template <class K, class V>
class WindowedStream;

}  // namespace millrace::stream
