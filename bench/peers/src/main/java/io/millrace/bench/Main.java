// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
package io.millrace.bench;

import java.io.IOException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;

/**
 * One topology as a program: prints READY when all its state is restored, runs until standard input ends or SIGTERM. Its options
 * are in bench/peers/README.md.
 */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) throws InterruptedException {
    Options options = new Options(arguments);
    String topology = options.text("topology");
    StreamsBuilder builder = new StreamsBuilder();
    Topologies topologies = new Topologies(options.text("input"), options.text("table", ""), options.text("output"),
        options.text("store", "rocksdb").equals("memory"), Duration.ofMillis(options.number("window_ms", 60_000)));
    topologies.build(topology, builder);
    Properties settings = settings(options);
    options.finish();
    System.exit(run(new KafkaStreams(builder.build(settings), settings)) ? 0 : 1);
  }

  /** What is not given keeps Kafka Streams' default; exactly-once is always on. */
  private static Properties settings(Options options) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.text("bootstrap"));
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, options.text("application"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, options.text("state"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, (int) options.number("threads", 1));
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    long commitInterval = options.number("commit_interval_ms", -1);
    if (commitInterval >= 0) {
      settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, commitInterval);
    }
    long cache = options.number("cache_bytes", -1);
    if (cache >= 0) {
      settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, cache);
    }
    String instance = options.text("instance", "");
    if (!instance.isEmpty()) {
      settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG), instance);
    }
    long batch = options.number("batch_bytes", -1);
    if (batch >= 0) {
      settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), (int) batch);
    }
    settings.putAll(options.withPrefix("set."));
    return settings;
  }

  /** True when it ended on request. */
  private static boolean run(KafkaStreams streams) throws InterruptedException {
    CountDownLatch ended = new CountDownLatch(1);
    boolean[] failed = {false};
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      failed[0] = true;
      ended.countDown();
      return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.setStateListener((now, before) -> {
      if (now == KafkaStreams.State.RUNNING) {
        System.out.println("READY");
        System.out.flush();
      }
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    Thread watcher = new Thread(() -> {
      try {
        while (System.in.read() >= 0) {
          continue;
        }
      } catch (IOException error) {
        error.printStackTrace();
      }
      ended.countDown();
    });
    watcher.setDaemon(true);
    watcher.start();
    streams.start();
    ended.await();
    return !failed[0];
  }
}
