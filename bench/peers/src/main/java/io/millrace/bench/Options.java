// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
package io.millrace.bench;

import java.util.HashMap;
import java.util.Map;

/** The command line: {@code name=value...}. Unknown names are refused by {@link #finish}. */
final class Options {
  private final Map<String, String> values = new HashMap<>();

  Options(String[] arguments) {
    for (String argument : arguments) {
      int equals = argument.indexOf('=');
      if (equals < 1) {
        throw new IllegalArgumentException("'" + argument + "' is not of the form name=value");
      }
      values.put(argument.substring(0, equals), argument.substring(equals + 1));
    }
  }

  /** A value that must be given; each may be taken once. */
  String text(String name) {
    String value = values.remove(name);
    if (value == null) {
      throw new IllegalArgumentException("missing " + name + "=...");
    }
    return value;
  }

  String text(String name, String otherwise) {
    String value = values.remove(name);
    return value == null ? otherwise : value;
  }

  long number(String name, long otherwise) {
    String value = values.remove(name);
    return value == null ? otherwise : Long.parseLong(value);
  }

  /** Takes all that is left and begins with the prefix, without it. */
  Map<String, String> withPrefix(String prefix) {
    Map<String, String> taken = new HashMap<>();
    values.entrySet().removeIf(entry -> {
      boolean ours = entry.getKey().startsWith(prefix);
      if (ours) {
        taken.put(entry.getKey().substring(prefix.length()), entry.getValue());
      }
      return ours;
    });
    return taken;
  }

  void finish() {
    if (!values.isEmpty()) {
      throw new IllegalArgumentException("unknown: " + String.join(", ", values.keySet()));
    }
  }
}
