package org.slu.demo;

import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What the kernel says about the processor and this process, from /proc and /sys. What it does not say is left out. */
final class Machine {
  /** ARM's own cores by their part number in /proc/cpuinfo (implementer 0x41); the others are named by their number. */
  private static final String[] ARM_PARTS = {"0xd03=Cortex-A53", "0xd04=Cortex-A35", "0xd05=Cortex-A55",
      "0xd07=Cortex-A57", "0xd08=Cortex-A72", "0xd09=Cortex-A73", "0xd0a=Cortex-A75", "0xd0b=Cortex-A76",
      "0xd0d=Cortex-A77", "0xd41=Cortex-A78", "0xd44=Cortex-X1", "0xd46=Cortex-A510", "0xd47=Cortex-A710",
      "0xd48=Cortex-X2", "0xd4d=Cortex-A715", "0xd4e=Cortex-X3", "0xd80=Cortex-A520", "0xd81=Cortex-A720",
      "0xd82=Cortex-X4", "0xd85=Cortex-X925", "0xd87=Cortex-A725"};

  private static final Labels PARTS = new Labels(ARM_PARTS);
  private static final String ARM = "0x41";

  private Machine() {
  }

  /**
   * The cores, counted by kind: {@code 4 × Cortex-A55, 3 × Cortex-A78, 1 × Cortex-X1}.
   *
   * @param cpuinfo text of /proc/cpuinfo
   * @return empty when it names none
   */
  static String processor(Reader cpuinfo) throws IOException {
    Map<String, Integer> kinds = new TreeMap<String, Integer>();
    String implementer = "";
    BufferedReader lines = new BufferedReader(cpuinfo);
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      int colon = line.indexOf(':');
      if (colon < 0) continue;
      String key = line.substring(0, colon).trim();
      String value = line.substring(colon + 1).trim();
      if (key.equals("CPU implementer")) implementer = value;
      String kind = null;
      if (key.equals("CPU part")) kind = implementer.equals(ARM) ? PARTS.of(value) : implementer + "/" + value;
      if (key.equals("model name")) kind = value;
      if (kind != null) kinds.put(kind, kinds.containsKey(kind) ? kinds.get(kind) + 1 : 1);
    }
    StringBuilder text = new StringBuilder();
    for (Map.Entry<String, Integer> kind : kinds.entrySet()) {
      text.append(text.length() == 0 ? "" : ", ").append(kind.getValue()).append(" × ").append(kind.getKey());
    }
    return text.toString();
  }

  /** {@link #processor(Reader)} of this machine; empty when it does not say. */
  static String processor() {
    try {
      Reader cpuinfo = reader(new File("/proc/cpuinfo"));
      try {
        return processor(cpuinfo);
      } finally {
        cpuinfo.close();
      }
    } catch (IOException unreadable) {
      return "";
    }
  }

  /**
   * Sum of one field of a file of the form of /proc/self/smaps.
   *
   * @param field such as {@code Pss}
   * @return bytes; -1 when no line has the field
   */
  static long bytes(Reader smaps, String field) throws IOException {
    long total = -1;
    BufferedReader lines = new BufferedReader(smaps);
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (!line.startsWith(field + ":")) continue;
      String[] words = line.substring(field.length() + 1).trim().split("\\s+");
      total = Math.max(total, 0) + Long.parseLong(words[0]) * 1024;
    }
    return total;
  }

  /**
   * Proportional set size of this process in bytes: what it alone uses, and its share of what it shares. -1: not
   * known.
   */
  static long pssBytes() {
    return bytesOfThis("Pss", "/proc/self/smaps_rollup", "/proc/self/smaps");
  }

  /** Resident set size of this process in bytes. -1: not known. */
  static long rssBytes() {
    return bytesOfThis("VmRSS", "/proc/self/status");
  }

  private static long bytesOfThis(String field, String... files) {
    for (String file : files) {
      try {
        Reader reader = reader(new File(file));
        try {
          return bytes(reader, field);
        } finally {
          reader.close();
        }
      } catch (IOException unreadable) {
        continue; // older kernels have no roll-up
      }
    }
    return -1;
  }

  /** Present frequency of each core in kHz, in their order; empty where the system does not let an app read them. */
  static List<Long> frequencies() {
    List<Long> all = new ArrayList<Long>();
    for (int core = 0; core < Runtime.getRuntime().availableProcessors(); ++core) {
      File file = new File("/sys/devices/system/cpu/cpu" + core + "/cpufreq/scaling_cur_freq");
      try {
        BufferedReader reader = new BufferedReader(reader(file));
        try {
          all.add(Long.parseLong(reader.readLine().trim()));
        } finally {
          reader.close();
        }
      } catch (IOException unreadable) {
        return new ArrayList<Long>();
      } catch (RuntimeException noNumber) {
        return new ArrayList<Long>();
      }
    }
    return all;
  }

  private static Reader reader(File file) throws IOException {
    return new InputStreamReader(new FileInputStream(file), Charset.forName("UTF-8"));
  }
}
