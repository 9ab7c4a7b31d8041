package org.slu.demo;

import static org.junit.Assert.assertEquals;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.Test;
import org.slu.ParseResult;
import org.slu.Slot;

public final class AnswerTest {
  static ParseResult result(String text, String intent, boolean understood, Slot... slots) {
    return new ParseResult(text, intent, 0.5f, understood, false, Arrays.asList(slots));
  }

  private static Answer.Kind kind(String text, String intent, boolean understood) {
    return new Answer(result(text, intent, understood), 0).kind;
  }

  @Test
  public void kindsTellWhatToDo() {
    assertEquals(Answer.Kind.COMMAND, kind("下一首", "music.next", true));
    assertEquals(Answer.Kind.NOT_UNDERSTOOD, kind("下一首", "music.next", false));
    assertEquals(Answer.Kind.OTHER, kind("你好", "OTHERS", true));
    assertEquals(Answer.Kind.NOT_UNDERSTOOD, kind("你好", "OTHERS", false));
    assertEquals(Answer.Kind.EMPTY, kind(" \t", "OTHERS", true));
    assertEquals(Answer.Kind.EMPTY, kind("", "music.next", false));
  }

  @Test
  public void percentagesAreRoundedDown() {
    assertEquals("96.7%", Answer.percent(0.967685f));
    assertEquals("99.9%", Answer.percent(0.99999));
    assertEquals("100.0%", Answer.percent(1));
    assertEquals("62.9%", Answer.percent(0.629182));
    assertEquals("0.0%", Answer.percent(0));
    assertEquals("70.0%", Answer.percent(0.7)); // 0.7 * 1000 is a little less than 700
  }

  @Test
  public void durationsHaveThreeDigits() {
    assertEquals("87.3 µs", Answer.duration(87312));
    assertEquals("1.25 ms", Answer.duration(1250000));
    assertEquals("12.5 ms", Answer.duration(12499999));
    assertEquals("10.0 ms", Answer.duration(9999999));
    assertEquals("125 ms", Answer.duration(125000000));
    assertEquals("0.00 µs", Answer.duration(0));
  }

  @Test
  public void sizesCountInThousands() {
    assertEquals("999 B", Answer.size(999));
    assertEquals("1.0 KB", Answer.size(1000));
    assertEquals("2.25 MB", Answer.size(2250048));
  }

  @Test
  public void slotsKeepTheirColours() {
    List<String> slots = Arrays.asList("a", "b", "c", "d");
    Answer answer =
        new Answer(result("播放给你的歌", "x", true, new Slot("d", "给你", 2, 4), new Slot("b", "歌", 5, 6)), 0);
    List<Highlight> found = Highlight.of(answer, slots, 3);
    assertEquals(2, found.size());
    assertEquals("2 4 0", found.get(0).start + " " + found.get(0).end + " " + found.get(0).color);
    assertEquals("5 6 1", found.get(1).start + " " + found.get(1).end + " " + found.get(1).color);
    assertEquals(0, Highlight.color("of another model", slots, 3));
  }

  @Test
  public void whatIsNotUnderstoodHasNoColours() {
    Slot slot = new Slot("a", "给", 0, 1);
    Answer answer = new Answer(result("给", "x", false, slot), 0);
    assertEquals(Collections.<Highlight>emptyList(), Highlight.of(answer, Arrays.asList("a"), 8));
  }

  @Test
  public void labelsFallBackToTheNames() {
    Labels labels = new Labels(new String[] {"music.play=Play = start", " song = 歌曲 "});
    assertEquals("Play = start", labels.of("music.play"));
    assertEquals("歌曲", labels.of("song"));
    assertEquals("of.another.model", labels.of("of.another.model"));
  }

  @Test(expected = IllegalArgumentException.class)
  public void aLabelNeedsAName() {
    new Labels(new String[] {"=nothing"});
  }
}
