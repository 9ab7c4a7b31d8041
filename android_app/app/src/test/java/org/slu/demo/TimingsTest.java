package org.slu.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;

import java.util.Collections;
import java.util.Random;
import org.junit.Test;

public final class TimingsTest {
  @Test
  public void percentilesAreDurationsThatWereMeasured() {
    long[] nanos = new long[1000];
    for (int i = 0; i < nanos.length; ++i) nanos[i] = 1000 - i; // 1 to 1,000, in no order that helps
    Timings timings = new Timings(nanos);
    assertEquals(1000, timings.count());
    assertEquals(500.5, timings.mean(), 0);
    assertEquals(1, timings.percentile(0));
    assertEquals(500, timings.percentile(50));
    assertEquals(990, timings.percentile(99));
    assertEquals(1000, timings.percentile(100));
    assertEquals(1000, nanos[0]); // the caller's array stays as it was
  }

  @Test
  public void oneDurationIsEnough() {
    Timings timings = new Timings(new long[] {7});
    assertEquals(7, timings.percentile(0));
    assertEquals(7, timings.percentile(99));
    assertArrayEquals(new int[] {1, 0, 0}, timings.histogram(3));
  }

  @Test(expected = IllegalArgumentException.class)
  public void noDurationIsRefused() {
    new Timings(new long[0]);
  }

  @Test
  public void everyDurationIsInTheHistogram() {
    Random random = new Random(0);
    for (int round = 0; round < 100; ++round) {
      long[] nanos = new long[1 + random.nextInt(500)];
      for (int i = 0; i < nanos.length; ++i) nanos[i] = (long) Math.exp(random.nextDouble() * 20);
      int total = 0;
      for (int count : new Timings(nanos).histogram(1 + random.nextInt(60))) total += count;
      assertEquals(nanos.length, total);
    }
  }

  @Test
  public void anInterruptionDoesNotFlattenTheBars() {
    long[] nanos = new long[100];
    for (int i = 0; i < nanos.length; ++i) nanos[i] = 100 + i;
    nanos[98] = nanos[99] = 100000;
    Timings timings = new Timings(nanos);
    assertEquals(3 * timings.percentile(50), timings.longestShown());
    int[] counts = timings.histogram(10);
    assertEquals(2, counts[9]);
    assertEquals(35, counts[0]); // (447 - 100) / 10 wide: 100 to 134
  }

  @Test
  public void jsonIsAsciiAndEscaped() {
    assertEquals("{\"a\\\"\\\\\": [1,2.5,true,null],\"\\u6b4c\\ud83d\\ude00\\u000a\": {}}",
        Json.write(Json.object("a\"\\", java.util.Arrays.<Object>asList(1, 2.5, true, null), "歌😀\n", Json.object())));
    assertEquals("[]", Json.write(Collections.emptyList()));
    assertEquals("0.1", Json.write(0.1f));
  }

  @Test(expected = IllegalArgumentException.class)
  public void jsonHasNoNaN() {
    Json.write(Double.NaN);
  }

  @Test
  public void timesOfResultFilesAreMilliseconds() {
    assertEquals("{\"mean\": 2.0,\"min\": 1.0,\"p50\": 2.0,\"p90\": 3.0,\"p99\": 3.0}",
        Json.write(new Timings(new long[] {1000000, 3000000, 2000000}).toJson()));
  }
}
