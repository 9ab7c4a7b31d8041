package org.slu.tests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.slu.ParseResult;
import org.slu.Parser;
import org.slu.Pins;
import org.slu.Session;
import org.slu.Slot;
import org.slu.SluException;
import org.slu.SluException.Status;
import org.slu.SluModel;

public class PinsTest {
  private SluModel model;
  private Parser parser;

  @Before
  public void open() {
    model = Models.tiny();
    parser = model.newParser();
  }

  @After
  public void close() {
    model.close();
  }

  private static List<String> one(String text) {
    return Collections.singletonList(text);
  }

  @Test
  public void theAnswerIsTheOneThatWasGiven() {
    assertSame(model.getPins(), model.getPins());
    for (Pins pins : Arrays.asList(model.getPins(), parser.getPins())) {
      ParseResult computed = parser.parse("放花心");
      assertFalse(computed.isPinned());
      pins.add("play", one("放<song>花心</song>"));
      ParseResult result = parser.parse("  放 花 心");
      assertTrue(result.isPinned() && result.isUnderstood() && !result.isTruncated());
      assertEquals("play", result.getIntent());
      assertEquals(1, result.getScore(), 0);
      assertEquals(one("song: 花 心 at 4 until 7"), words(result));
      assertTrue(result.toString(), result.toString().contains("(pinned)"));
      assertNotEquals(computed, result);
      assertFalse("another text", parser.parse("再放花心").isPinned());
      pins.add("none", one("放花心")); // the later call counts
      assertEquals("none", parser.parse("放花心").getIntent());
      pins.remove(one("放花心"));
      assertEquals(computed, parser.parse("放花心"));
      pins.remove(one("never pinned"));
      pins.reset();
    }
  }

  private static List<String> words(ParseResult result) {
    List<String> words = new ArrayList<String>();
    for (Slot slot : result.getSlots()) {
      assertEquals(slot.getValue(), result.getText().substring(slot.getStart(), slot.getEnd()));
      words.add(
          slot.getName() + ": " + slot.getValue() + " at " + slot.getStart() + " until " + slot.getEnd());
    }
    return words;
  }

  @Test
  public void whatAParserSaysCountsBeforeItsModel() {
    Parser other = model.newParser();
    model.getPins().add("play", Arrays.asList("花心", "的"));
    parser.getPins().add("call", one("花心"));
    assertEquals("call", parser.parse("花心").getIntent());
    assertEquals("play", other.parse("花心").getIntent());
    parser.getPins().remove(one("花心"));
    assertFalse(parser.parse("花心").isPinned());
    assertTrue(parser.parse("的").isPinned() && other.parse("花心").isPinned());
    parser.getPins().replace(Collections.<String, List<String>>emptyMap());
    assertFalse(parser.parse("的").isPinned());
    parser.getPins().reset();
    assertTrue(parser.parse("花心").isPinned());
    Map<String, List<String>> texts = new LinkedHashMap<String, List<String>>();
    texts.put("none", one("花"));
    texts.put("call", Arrays.asList("<name>周华健</name>", "心"));
    model.getPins().replace(texts);
    assertFalse(parser.parse("花心").isPinned());
    assertEquals("none", parser.parse("花").getIntent());
    assertEquals(one("name: 周华健 at 0 until 3"), words(parser.parse("周华健")));
  }

  @Test
  public void offsetsCountUnitsOfUtf16() {
    parser.getPins().add(
        "play", one("\uD83D\uDE00<singer>周\uD840\uDC00</singer>的<song>花\uD83D\uDE00</song>"));
    ParseResult result = parser.parse("\uD83D\uDE00 周\uD840\uDC00的花\uD83D\uDE00");
    assertEquals(Arrays.asList("singer: 周\uD840\uDC00 at 3 until 6", "song: 花\uD83D\uDE00 at 7 until 10"),
        words(result));
  }

  @Test
  public void moreSlotsFitThanTheModelHasTokens() {
    StringBuilder tagged = new StringBuilder();
    for (int i = 0; i < 16; ++i) tagged.append("<song>花</song>\uD83D\uDE00");
    assertTrue(model.getInfo().getMaxTokens() < 16);
    parser.getPins().add("play", one(tagged.toString()));
    ParseResult result = parser.parse(tagged.toString().replaceAll("<.*?>", ""));
    assertEquals(16, result.getSlots().size());
    assertEquals("song: 花 at 45 until 46", words(result).get(15));
    Models.fails(Status.ARGUMENT, () -> parser.getPins().add("play", one(tagged + "<song>花</song>")));
  }

  @Test
  public void aTextIsOneTextWhateverIsInIt() {
    // Each of these would be two lines, a comment, an intent of its own or nothing in a file of pinned texts.
    for (String text :
        new String[] {"花\n心", "#花", "play\t花", "\uFEFF花心", "\t花", "花\r", "a\0b", "\uD800花"}) {
      parser.getPins().add("none", Arrays.asList("的", text));
      assertTrue(text, parser.parse(text).isPinned());
      parser.getPins().remove(one(text));
      assertFalse(text, parser.parse(text).isPinned());
      assertTrue(text, parser.parse("的").isPinned());
    }
  }

  @Test
  public void wrongChangesChangeNothing() {
    parser.getPins().add("play", one("花心"));
    char[] much = new char[Pins.MAX_TEXT_LENGTH + 1];
    Arrays.fill(much, '周');
    String longest = new String(much, 1, Pins.MAX_TEXT_LENGTH);
    parser.getPins().add("play", one(longest));
    assertTrue(parser.parse(longest).isPinned());
    String[] wrong = {
        new String(much), "", " \n", "<song>花", "<song></song>", "花</song>", "<name>花</name>", "a||b"};
    for (String text : wrong) {
      SluException failure =
          Models.fails(Status.ARGUMENT, () -> parser.getPins().add("play", Arrays.asList("abc", text)));
      assertTrue(failure.getMessage(), failure.getMessage().startsWith("line 2: "));
    }
    SluException failure = Models.fails(Status.ARGUMENT, () -> parser.getPins().add("dance", one("abc")));
    assertTrue(
        failure.getMessage(), failure.getMessage().contains("dance: the model has [call, none, play]"));
    Models.fails(Status.ARGUMENT, () -> parser.getPins().add("play\t", one("abc")));
    Models.fails(Status.ARGUMENT, () -> parser.getPins().add(null, one("abc")));
    Models.fails(Status.ARGUMENT, () -> parser.getPins().add("play", null));
    Models.fails(Status.ARGUMENT, () -> parser.getPins().add("play", one(null)));
    Models.fails(Status.ARGUMENT, () -> parser.getPins().remove(null));
    Models.fails(Status.ARGUMENT, () -> parser.getPins().remove(one("")));
    Models.fails(Status.ARGUMENT, () -> parser.getPins().replace(null));
    Models.fails(Status.ARGUMENT, () -> model.getPins().replace(Collections.singletonMap("dance", one("a"))));
    Models.fails(Status.ARGUMENT,
        () -> model.getPins().replace(Collections.singletonMap("play", (List<String>) null)));
    assertFalse(parser.parse("abc").isPinned());
    assertTrue(parser.parse("花心").isPinned());
  }

  @Test
  public void dialoguesGoOnFromAPinnedTurn() {
    SluModel flagged = Models.flagged();
    Parser other = flagged.newParser();
    other.getPins().add("call", one("花心"));
    Session session = other.newSession();
    assertTrue(session.parse("花心").isPinned());
    assertEquals("call", session.getPreviousIntent());
    assertEquals(other.parse("abc", "call"), session.parse("abc"));
    flagged.close();
  }

  @Test
  public void otherThreadsParseMeanwhile() throws Exception {
    final boolean[] wrong = new boolean[1];
    final Parser other = model.newParser();
    final ParseResult computed = other.parse("花心");
    Thread reader = new Thread(() -> {
      for (int i = 0; i < 20000; ++i) {
        ParseResult found = other.parse("花心");
        if (!(found.isPinned() ? found.getIntent().equals("play") : found.equals(computed)))
          wrong[0] = true;
      }
    });
    reader.start();
    while (reader.isAlive()) {
      model.getPins().add("play", Arrays.asList("<song>花心</song>", "的"));
      model.getPins().reset();
    }
    reader.join();
    assertFalse("a parse saw half of a change", wrong[0]);
  }
}
