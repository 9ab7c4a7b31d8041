package org.slu.tests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.slu.ModelInfo;
import org.slu.ParseResult;
import org.slu.Parser;
import org.slu.Session;
import org.slu.Slot;
import org.slu.SluException.Status;
import org.slu.SluModel;

public class ParserTest {
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

  @Test
  public void slotsCutTheirValuesOutOfTheText() {
    int found = 0;
    for (String text : Models.TEXTS) {
      ParseResult result = parser.parse(text);
      assertEquals(text, result.getText());
      int end = 0;
      for (Slot slot : result.getSlots()) {
        assertTrue(text, end <= slot.getStart() && slot.getStart() < slot.getEnd());
        end = slot.getEnd();
        assertEquals(text.substring(slot.getStart(), end), slot.getValue());
        // No value begins or ends between the halves of a pair.
        assertFalse(text, split(text, slot.getStart()) || split(text, end));
        ++found;
      }
    }
    assertTrue("the tiny model finds some slots in these", found >= 5);
  }

  private static boolean split(String text, int at) {
    return at > 0 && at < text.length() && Character.isHighSurrogate(text.charAt(at - 1))
        && Character.isLowSurrogate(text.charAt(at));
  }

  @Test
  public void emojiMoveSlotsByTwoUnitsEach() {
    ParseResult plain = model.newParser().parse("周华健的花心");
    ParseResult moved = parser.parse("\uD83D\uDE00周华健的花心".substring(2));
    assertEquals(plain, moved);
    // A character that is no token of its own, in front: the same tokens behind it.
    String one = "\u200B";
    ParseResult shifted = parser.parse(one + "周华健的花心");
    assertEquals(plain.getSlots().size(), shifted.getSlots().size());
    for (int i = 0; i < plain.getSlots().size(); ++i) {
      assertEquals(plain.getSlots().get(i).getStart() + 1, shifted.getSlots().get(i).getStart());
    }
  }

  @Test
  public void loneSurrogatesAreLikeTheReplacementCharacter() {
    String[][] pairs = {
        {"周\uD800华", "周\uFFFD华"},
        {"\uDC00周", "\uFFFD周"},
        {"周\uD83D", "周\uFFFD"},
        {"\uD800\uD800\uDC00周", "\uFFFD\uD800\uDC00周"},
    };
    for (String[] pair : pairs) {
      ParseResult lone = parser.parse(pair[0]);
      ParseResult replaced = parser.parse(pair[1]);
      assertEquals(replaced.getIntent(), lone.getIntent());
      assertEquals(replaced.getScore(), lone.getScore(), 0);
      assertEquals(replaced.getSlots().size(), lone.getSlots().size());
      for (int i = 0; i < lone.getSlots().size(); ++i) {
        assertEquals(replaced.getSlots().get(i).getStart(), lone.getSlots().get(i).getStart());
        assertEquals(replaced.getSlots().get(i).getEnd(), lone.getSlots().get(i).getEnd());
      }
    }
  }

  @Test
  public void truncationIsReported() {
    assertFalse(parser.parse(repeat("的", 10)).isTruncated());
    assertTrue(parser.parse(repeat("的", 11)).isTruncated());
    ParseResult longest = parser.parse(repeat("\uD83D\uDE00周", 1 << 20));
    assertTrue(longest.isTruncated());
  }

  @Test
  public void piecesOfTextAreJoinedRightWhereTheyAreRead() {
    // Strings are read 256 units at a time: a pair on each border.
    for (int length = 250; length < 262; ++length) {
      String text = repeat(" ", length) + "\uD83D\uDE00" + repeat(" ", 253) + "\uD83D\uDE00周华健";
      ParseResult result = parser.parse(text);
      ParseResult near = parser.parse("\uD83D\uDE00\uD83D\uDE00周华健");
      assertEquals(near.getScore(), result.getScore(), 0);
      assertEquals(values(near), values(result));
    }
  }

  private static List<String> values(ParseResult result) {
    List<String> values = new ArrayList<String>();
    for (Slot slot : result.getSlots()) values.add(slot.getValue().replace(" ", ""));
    return values;
  }

  @Test
  public void anyCharSequenceIsAText() {
    assertEquals(parser.parse("play abc"), parser.parse(new StringBuilder("play abc")));
    Models.fails(Status.ARGUMENT, () -> parser.parse(null));
    Models.fails(Status.ARGUMENT, () -> parser.parse(null, "call"));
  }

  @Test
  public void resultsSayWhatTheModelSays() {
    ModelInfo info = model.getInfo();
    assertEquals(Arrays.asList("call", "none", "play"), info.getIntents());
    assertEquals(12, info.getMaxTokens());
    assertEquals("tiny", info.getName());
    assertTrue(info.getModelBytes() == Models.TINY.length() && info.getParserBytes() > 0);
    assertTrue(SluModel.kernels().contains(info.getKernel()));
    assertEquals(info.getKernel(), parser.getKernel());
    ParseResult result = parser.parse("play abc");
    assertTrue(info.getIntents().contains(result.getIntent()));
    assertEquals(result.getScore() >= info.getThreshold(), result.isUnderstood());
    assertNull(result.getSlot("no such slot"));
    assertNull(result.getValue("no such slot"));
    for (Slot slot : result.getSlots()) assertTrue(info.getSlots().contains(slot.getName()));
  }

  @Test
  public void resultsCannotBeChanged() {
    ParseResult result = parser.parse("play 周华健 花心");
    List<Slot> slots = new ArrayList<Slot>(result.getSlots());
    try {
      result.getSlots().add(new Slot("a", "b", 0, 1));
      throw new AssertionError("a slot was added");
    } catch (UnsupportedOperationException expected) {
      assertEquals(slots, result.getSlots());
    }
    List<Slot> own = new ArrayList<Slot>();
    ParseResult made = new ParseResult("text", "intent", 1, true, false, own);
    own.add(new Slot("a", "t", 0, 1));
    assertEquals(Collections.<Slot>emptyList(), made.getSlots());
    Models.fails(Status.ARGUMENT, () -> new Slot("a", "bc", 0, 1));
    Models.fails(Status.ARGUMENT, () -> new ParseResult(null, "intent", 1, true, false, own));
  }

  @Test
  public void allKernelsGiveTheSame() {
    assertEquals("plain", SluModel.kernels().get(SluModel.kernels().size() - 1));
    for (String kernel : SluModel.kernels()) {
      Parser other = model.newParser(kernel);
      assertEquals(kernel, other.getKernel());
      for (String text : Models.TEXTS) assertEquals(parser.parse(text), other.parse(text));
    }
    Models.fails(Status.KERNEL, () -> model.newParser("abacus"));
    Models.fails(Status.ARGUMENT, () -> model.newParser("plain\0"));
    assertTrue(SluModel.version().startsWith("1."));
  }

  @Test
  public void sessionsKnowTheTurnBefore() {
    SluModel flagged = Models.flagged();
    Parser other = flagged.newParser();
    assertTrue(flagged.getInfo().usesPreviousIntent());
    Session session = other.newSession();
    assertNull(session.getPreviousIntent());
    ParseResult first = session.parse("play abc");
    assertEquals(first.getIntent(), session.getPreviousIntent());
    ParseResult second = session.parse("周华健");
    assertEquals(other.parse("周华健", first.getIntent()), second);
    session.restart();
    assertEquals(first, session.parse("play abc"));
    assertTrue("the first turn is not one of which nothing is known",
        other.parse("play abc").getScore() != first.getScore());
    assertEquals(other.parse("play abc"), other.parse("play abc", null));
    Models.fails(Status.ARGUMENT, () -> other.parse("abc", "no such intent"));
    flagged.close();
    Models.fails(Status.CLOSED, () -> session.parse("abc"));
    // A model without previous intents takes no notice of them.
    assertEquals(parser.parse("abc"), parser.parse("abc", "call"));
    assertEquals(parser.parse("abc"), parser.newSession().parse("abc"));
  }

  @Test
  public void parsersStandAlone() {
    Parser other = model.newParser();
    assertSame(model, other.getModel());
    ParseResult result = parser.parse("play 周华健");
    other.parse("的");
    other.close();
    assertEquals(result, parser.parse("play 周华健"));
  }

  private static String repeat(String text, int times) {
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < times; ++i) all.append(text);
    return all.toString();
  }
}
