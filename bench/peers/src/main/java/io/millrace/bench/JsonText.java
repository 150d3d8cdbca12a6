// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
package io.millrace.bench;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/**
 * JSON values as cheaply as Java can have them: a string in quotes, which has nothing to escape, and a whole number. What a JSON
 * library would do more is left out, in this program's favour.
 */
final class JsonText {
  private JsonText() {}

  static Serde<String> string() {
    Serializer<String> serializer = (topic, value) -> {
      if (value == null) {
        return null;
      }
      byte[] text = value.getBytes(StandardCharsets.UTF_8);
      byte[] quoted = new byte[text.length + 2];
      quoted[0] = '"';
      System.arraycopy(text, 0, quoted, 1, text.length);
      quoted[quoted.length - 1] = '"';
      return quoted;
    };
    Deserializer<String> deserializer = (topic, bytes) -> bytes == null ? null
        : new String(bytes, 1, bytes.length - 2, StandardCharsets.UTF_8);
    return Serdes.serdeFrom(serializer, deserializer);
  }

  static Serde<Long> number() {
    Serializer<Long> serializer = (topic, value) -> value == null ? null
        : Long.toString(value).getBytes(StandardCharsets.ISO_8859_1);
    Deserializer<Long> deserializer = (topic, bytes) -> bytes == null ? null
        : Long.valueOf(new String(bytes, StandardCharsets.ISO_8859_1));
    return Serdes.serdeFrom(serializer, deserializer);
  }
}
