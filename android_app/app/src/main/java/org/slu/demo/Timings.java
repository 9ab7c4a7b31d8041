package org.slu.demo;

import java.util.Arrays;
import java.util.Map;

/** Statistics of many durations. */
final class Timings {
  private final long[] sorted;

  /**
   * Statistics of durations, which are copied.
   *
   * @param nanos at least one, in nanoseconds
   */
  Timings(long[] nanos) {
    if (nanos.length == 0) throw new IllegalArgumentException("no durations: there is nothing to take the mean of");
    sorted = nanos.clone();
    Arrays.sort(sorted);
  }

  int count() {
    return sorted.length;
  }

  double mean() {
    double sum = 0;
    for (long nanos : sorted) sum += nanos;
    return sum / sorted.length;
  }

  /** The smallest duration that at least {@code percent} of all do not exceed (nearest rank). */
  long percentile(int percent) {
    int rank = (int) Math.ceil(percent / 100.0 * sorted.length);
    return sorted[Math.max(0, rank - 1)];
  }

  /**
   * How many durations fall into each of equally wide intervals from the shortest to {@link #longestShown}; what is
   * longer counts in the last one.
   */
  int[] histogram(int bins) {
    int[] counts = new int[bins];
    long low = sorted[0];
    double width = Math.max(1.0, (longestShown() - low) / (double) bins);
    for (long nanos : sorted) ++counts[(int) Math.min(bins - 1, (nanos - low) / width)];
    return counts;
  }

  /**
   * Where a histogram ends: a single interruption takes a hundred times as long as the rest, which would be one bar.
   */
  long longestShown() {
    return Math.min(percentile(99), 3 * percentile(50));
  }

  /**
   * The object of the project's result files: {@code mean}, {@code min}, {@code p50}, {@code p90}, {@code p99}, in
   * milliseconds.
   */
  Map<String, Object> toJson() {
    return Json.object("mean", mean() / 1e6, "min", sorted[0] / 1e6, "p50", percentile(50) / 1e6, "p90",
        percentile(90) / 1e6, "p99", percentile(99) / 1e6);
  }
}
