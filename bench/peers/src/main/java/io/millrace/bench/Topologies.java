// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
package io.millrace.bench;

import java.time.Duration;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** The three topologies of the suite; the same ones stand in millrace_topologies.cpp. */
final class Topologies {
  /** However late a record is, it counts, as in Millrace: nothing in a run is as late as this. */
  private static final Duration GRACE = Duration.ofDays(2);

  private final String input;
  private final String table;
  private final String output;
  private final boolean inMemory;
  private final Duration window;

  Topologies(String input, String table, String output, boolean inMemory, Duration window) {
    this.input = input;
    this.table = table;
    this.output = output;
    this.inMemory = inMemory;
    this.window = window;
  }

  void build(String name, StreamsBuilder builder) {
    switch (name) {
      case "count" -> count(builder);
      case "windowed" -> windowed(builder);
      case "join" -> join(builder);
      default -> throw new IllegalArgumentException("topologies are count, windowed and join, not " + name);
    }
  }

  private KStream<String, String> source(StreamsBuilder builder) {
    return builder.stream(input, Consumed.with(Serdes.String(), JsonText.string()));
  }

  private void count(StreamsBuilder builder) {
    Materialized<String, Long, KeyValueStore<Bytes, byte[]>> counts = inMemory
        ? Materialized.as(Stores.inMemoryKeyValueStore("counts"))
        : Materialized.as("counts");
    source(builder)
        .groupByKey(Grouped.with(Serdes.String(), JsonText.string()))
        .count(counts.withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
        .toStream()
        .to(output, Produced.with(Serdes.String(), JsonText.number()));
  }

  private void windowed(StreamsBuilder builder) {
    Materialized<String, Long, WindowStore<Bytes, byte[]>> counts = inMemory
        ? Materialized.as(Stores.inMemoryWindowStore("windowed", window.plus(GRACE), window, false))
        : Materialized.as("windowed");
    source(builder)
        .groupByKey(Grouped.with(Serdes.String(), JsonText.string()))
        .windowedBy(TimeWindows.ofSizeAndGrace(window, GRACE))
        .count(counts.withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
        .toStream()
        .map((key, count) -> KeyValue.pair(key.key() + "@" + key.window().start(), count))
        .to(output, Produced.with(Serdes.String(), JsonText.number()));
  }

  private void join(StreamsBuilder builder) {
    Materialized<String, String, KeyValueStore<Bytes, byte[]>> known = inMemory
        ? Materialized.as(Stores.inMemoryKeyValueStore("known"))
        : Materialized.as("known");
    source(builder)
        .join(builder.table(table, Consumed.with(Serdes.String(), JsonText.string()),
                known.withKeySerde(Serdes.String()).withValueSerde(JsonText.string())),
            (value, side) -> side + value,
            Joined.with(Serdes.String(), JsonText.string(), JsonText.string()))
        .to(output, Produced.with(Serdes.String(), JsonText.string()));
  }
}
