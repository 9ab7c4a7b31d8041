package org.slu.demo;

import java.util.HashMap;
import java.util.Map;

/** Names for people of intents and slots, in the language of the screen. What has none is shown by its own name. */
final class Labels {
  private final Map<String, String> labels = new HashMap<String, String>();

  /**
   * Labels from a resource.
   *
   * @param lines each {@code name=label}
   */
  Labels(String[] lines) {
    for (String line : lines) {
      int at = line.indexOf('=');
      if (at <= 0) throw new IllegalArgumentException("label " + line + ": write it as name=label");
      labels.put(line.substring(0, at).trim(), line.substring(at + 1).trim());
    }
  }

  /** The label, or the name itself. */
  String of(String name) {
    String label = labels.get(name);
    return label == null ? name : label;
  }
}
