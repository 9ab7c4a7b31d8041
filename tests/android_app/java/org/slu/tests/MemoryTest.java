package org.slu.tests;

import static org.junit.Assert.assertTrue;

import java.io.BufferedReader;
import java.io.FileReader;
import java.io.IOException;
import java.util.Arrays;
import org.junit.Test;
import org.slu.Parser;
import org.slu.SluModel;

public class MemoryTest {
  /** Memory that native code maps, in bytes: everything but the heap, which has its own limit. */
  private static long mapped() throws IOException {
    System.gc();
    BufferedReader file = new BufferedReader(new FileReader("/proc/self/statm"));
    try {
      return Long.parseLong(file.readLine().split(" ")[0]) * 4096;
    } finally {
      file.close();
    }
  }

  @Test
  public void parsingLeavesNoMemory() throws IOException {
    SluModel model = Models.flagged();
    Parser parser = model.newParser();
    parse(parser, 20000);
    long before = mapped();
    long heap = used();
    parse(parser, 100000);
    long growth = mapped() - before;
    assertTrue(growth + " bytes more are mapped", growth < 4 << 20);
    assertTrue(used() - heap + " bytes more of the heap", used() - heap < 1 << 20);
    model.close();
  }

  private static long used() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  private static void parse(Parser parser, int times) {
    for (int i = 0; i < times; ++i) parser.parse(Models.TEXTS[i % Models.TEXTS.length]);
  }

  @Test
  public void openingAndClosingLeavesNoMemory() throws IOException {
    open(300);
    long before = mapped();
    open(3000); // models of 28 kB, parsers of some 40 kB: over 200 MB if they stayed
    long growth = mapped() - before;
    assertTrue(growth + " bytes more are mapped", growth < 16 << 20);
  }

  private static void open(int times) {
    for (int i = 0; i < times; ++i) {
      SluModel model = Models.flagged();
      Parser parser = model.newParser();
      parser.getLexicon().add("song", Arrays.asList("abc", "花"));
      model.getLexicon().add("song", Arrays.asList("abc", "花"));
      parser.getPins().add("play", Arrays.asList("<song>花</song>", "abc"));
      model.getPins().add("play", Arrays.asList("<song>花</song>", "abc"));
      parser.parse("play abc");
      if (i % 2 == 0)
        parser.close();
      model.close();
    }
  }
}
