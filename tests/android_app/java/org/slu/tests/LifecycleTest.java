package org.slu.tests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.Test;
import org.slu.ParseResult;
import org.slu.Parser;
import org.slu.SluException;
import org.slu.SluException.Status;
import org.slu.SluModel;

public class LifecycleTest {
  private static final int THREADS = 4;

  @Test
  public void nothingWorksAfterClose() {
    SluModel model = Models.flagged();
    Parser closed = model.newParser();
    ParseResult result = closed.parse("play 周华健");
    closed.close();
    closed.close();
    assertTrue(closed.isClosed());
    Models.fails(Status.CLOSED, () -> closed.parse("abc"));
    Models.fails(Status.CLOSED, () -> closed.parse("abc", "call"));
    Models.fails(Status.CLOSED, () -> closed.newSession().parse("abc"));
    Models.fails(Status.CLOSED, () -> closed.getLexicon().add("song", Arrays.asList("a")));
    Models.fails(Status.CLOSED, () -> closed.getPins().add("play", Arrays.asList("a")));
    assertFalse(model.isClosed());
    Parser open = model.newParser();
    assertEquals(result, open.parse("play 周华健"));

    model.close();
    model.close();
    assertTrue(model.isClosed() && open.isClosed());
    Models.fails(Status.CLOSED, () -> open.parse("abc"));
    Models.fails(Status.CLOSED, () -> model.newParser());
    Models.fails(Status.CLOSED, () -> model.newParser("plain"));
    Models.fails(Status.CLOSED, () -> model.getLexicon().resetAll());
    Models.fails(Status.CLOSED, () -> model.getPins().reset());
    open.close();
    // What was handed out stays.
    assertEquals("play 周华健", result.getText());
    assertEquals(3, model.getInfo().getIntents().size());
    assertTrue(open.getKernel().length() > 0);
  }

  @Test
  public void tryWithResourcesCloses() {
    Parser kept;
    try (SluModel model = Models.tiny(); Parser parser = model.newParser()) {
      kept = parser;
      parser.parse("abc");
    }
    Models.fails(Status.CLOSED, () -> kept.parse("abc"));
  }

  @Test
  public void parsersOfOneModelRunAtOnce() throws Exception {
    final SluModel model = Models.flagged();
    final List<ParseResult> expected = answers(model.newParser(), 1);
    List<Callable<List<ParseResult>>> all = new ArrayList<Callable<List<ParseResult>>>();
    for (int i = 0; i < THREADS; ++i) all.add(() -> answers(model.newParser(), 300));
    for (List<ParseResult> found : atOnce(all)) assertEquals(expected, found);
    model.close();
  }

  /** The answers of the last of some rounds, each of which has to give the same. */
  private static List<ParseResult> answers(Parser parser, int rounds) {
    List<ParseResult> first = null;
    for (int round = 0; round < rounds; ++round) {
      List<ParseResult> found = new ArrayList<ParseResult>();
      for (String text : Models.TEXTS) found.add(parser.parse(text));
      if (first == null)
        first = found;
      assertEquals(first, found);
    }
    return first;
  }

  @Test
  public void aParserServesOneThreadAtATime() throws Exception {
    final SluModel model = Models.tiny();
    final Parser parser = model.newParser();
    final ParseResult expected = parser.parse("play 周华健");
    List<Callable<int[]>> all = new ArrayList<Callable<int[]>>();
    for (int i = 0; i < THREADS; ++i) {
      all.add(() -> {
        int[] counts = new int[2];
        while (counts[0] < 20000 && counts[0] + counts[1] < 200000) {
          try {
            assertEquals(expected, parser.parse("play 周华健"));
            ++counts[0];
          } catch (SluException busy) {
            assertEquals(Status.BUSY, busy.getStatus());
            ++counts[1];
          }
        }
        return counts;
      });
    }
    int served = 0;
    int refused = 0;
    for (int[] counts : atOnce(all)) {
      served += counts[0];
      refused += counts[1];
    }
    assertTrue(served + " served, " + refused + " refused", served > 0 && refused > 0);
    // It is as good as new.
    assertEquals(expected, parser.parse("play 周华健"));
    model.close();
  }

  @Test
  public void closingInTheMiddleOfCallsIsSafe() throws Exception {
    for (int round = 0; round < 300; ++round) {
      final boolean all = round % 2 == 0;
      final SluModel model = Models.flagged();
      final Parser parser = model.newParser();
      List<Callable<Void>> tasks = new ArrayList<Callable<Void>>();
      for (int i = 0; i < 2; ++i) {
        tasks.add(() -> {
          untilClosed(() -> parser.parse("play 周华健"));
          return null;
        });
        tasks.add(() -> {
          untilClosed(() -> model.getLexicon().add("song", Collections.singletonList("花")));
          return null;
        });
      }
      tasks.add(() -> {
        for (int i = 0; i < 3; ++i) model.newParser().parse("的");
        if (!all)
          parser.close();
        model.close();
        return null;
      });
      atOnce(tasks);
      Models.fails(Status.CLOSED, () -> parser.parse("abc"));
    }
  }

  private static void untilClosed(Models.Action action) throws Exception {
    for (;;) {
      try {
        action.run();
      } catch (SluException failure) {
        if (failure.getStatus() == Status.CLOSED)
          return;
        assertEquals(Status.BUSY, failure.getStatus());
      }
    }
  }

  /** Runs all tasks at once, and gives what they give. */
  private static <T> List<T> atOnce(List<Callable<T>> tasks) throws Exception {
    final CyclicBarrier start = new CyclicBarrier(tasks.size());
    ExecutorService threads = Executors.newFixedThreadPool(tasks.size());
    try {
      List<Future<T>> futures = new ArrayList<Future<T>>();
      for (Callable<T> task : tasks) {
        futures.add(threads.submit(() -> {
          start.await();
          return task.call();
        }));
      }
      List<T> results = new ArrayList<T>();
      for (Future<T> future : futures) results.add(future.get());
      return results;
    } finally {
      threads.shutdownNow();
    }
  }
}
