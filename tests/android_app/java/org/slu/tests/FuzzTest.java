package org.slu.tests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.Test;
import org.slu.Lexicon;
import org.slu.ParseResult;
import org.slu.Parser;
import org.slu.Pins;
import org.slu.Session;
import org.slu.Slot;
import org.slu.SluException;
import org.slu.SluModel;

/** Random calls with random arguments: each ends in a result that fits its text, or in a SluException. */
public class FuzzTest {
  private static final int CALLS = Integer.getInteger("slu.fuzz.calls", 1000000);
  private static final String[] PIECES = {
      "周华健",
      "花心",
      "play",
      "abc",
      "100ml",
      " ",
      "\u3000",
      "\0",
      "\n",
      "#",
      "\uD83D\uDE00",
      "\uD840\uDC00",
      "e\u0301",
      "\u200D",
      "\uFEFF",
      "ＡＢ",
      "的",
      "\r",
      "\uFFFF",
      "İ",
      "ß",
      "ﷺ",
  };
  private static final String[] SLOTS = {"name", "singer", "song", "none", "", "song\0", "\uD800", null};
  private static final String[] INTENTS = {"call", "none", "play", null, "other", ""};

  private final Random random = new Random(Long.getLong("slu.fuzz.seed", 1));
  private final byte[] flagged;
  private SluModel model;
  private Parser parser;
  private Session session;
  private int results;
  private int failures;
  private int pinned;

  public FuzzTest() throws IOException {
    flagged = Models.bytes(Models.FLAGGED);
  }

  @Test
  public void randomCallsGiveAResultOrAnException() {
    reopen();
    for (int i = 0; i < CALLS; ++i) {
      try {
        call();
        ++results;
      } catch (SluException failure) {
        assertTrue(failure.toString(), failure.getMessage() != null && failure.getMessage().length() > 0);
        ++failures;
      }
    }
    model.close();
    assertTrue(
        results + " results, " + failures + " failures", results > CALLS / 2 && failures > CALLS / 1000);
    assertTrue(pinned + " pinned", pinned > CALLS / 10000);
  }

  private void reopen() {
    if (model != null)
      model.close();
    model = Models.flagged();
    parser = model.newParser();
    session = parser.newSession();
  }

  private void call() {
    int what = random.nextInt(1000);
    if (what < 600)
      check(parser.parse(text()));
    else if (what < 700)
      check(session.parse(text()));
    else if (what < 800)
      check(parser.parse(text(), INTENTS[random.nextInt(INTENTS.length)]));
    else if (what < 870)
      lexicon(random.nextInt(4) == 0 ? model.getLexicon() : parser.getLexicon());
    else if (what < 930)
      pins(random.nextInt(4) == 0 ? model.getPins() : parser.getPins());
    else if (what < 940)
      session.restart();
    else if (what < 960)
      openDamaged();
    else if (what < 980)
      parser = model.newParser(random.nextInt(9) == 0 ? text() : null);
    else if (what < 984)
      parser.close();
    else if (what < 985)
      model.close();
    else if (what < 990)
      reopen();
    else
      session = parser.newSession();
  }

  private void lexicon(Lexicon lexicon) {
    String slot = SLOTS[random.nextInt(SLOTS.length)];
    List<String> phrases = new ArrayList<String>();
    for (int i = random.nextInt(4); i > 0; --i) phrases.add(text());
    switch (random.nextInt(6)) {
      case 0:
      case 1:
        lexicon.add(slot, phrases);
        break;
      case 2:
        lexicon.remove(slot, phrases);
        break;
      case 3:
        lexicon.replace(slot, phrases);
        break;
      case 4:
        lexicon.reset(slot);
        break;
      default:
        lexicon.resetAll();
    }
  }

  private void pins(Pins pins) {
    String intent = INTENTS[random.nextInt(INTENTS.length)];
    List<String> texts = new ArrayList<String>();
    for (int i = random.nextInt(4); i > 0; --i) texts.add(tagged());
    switch (random.nextInt(5)) {
      case 0:
      case 1:
        pins.add(intent, texts);
        break;
      case 2:
        pins.remove(texts);
        break;
      case 3:
        pins.replace(Collections.singletonMap(intent, texts));
        break;
      default:
        pins.reset();
    }
  }

  /** A text that is likely to be parsed as well, at times with tags, right or wrong. */
  private String tagged() {
    String text = random.nextBoolean() ? PIECES[random.nextInt(PIECES.length)] : text();
    String slot = SLOTS[random.nextInt(SLOTS.length)];
    switch (random.nextInt(5)) {
      case 0:
        return text + "<" + slot + ">" + text() + "</" + slot + ">";
      case 1:
        return "<song>" + text + "</song>";
      case 2:
        return random.nextInt(3) == 0 ? "<" + slot + ">" + text : text;
      default:
        return text;
    }
  }

  private void openDamaged() {
    byte[] bytes = flagged.clone();
    int end = random.nextBoolean() ? 9000 : bytes.length;
    for (int i = random.nextInt(3); i >= 0; --i) bytes[random.nextInt(end)] = (byte) random.nextInt();
    int length = random.nextInt(4) == 0 ? random.nextInt(bytes.length) : bytes.length;
    SluModel damaged = SluModel.open(ByteBuffer.wrap(bytes, 0, length));
    try {
      check(damaged.newParser().parse(text()));
    } finally {
      damaged.close();
    }
  }

  private String text() {
    StringBuilder text = new StringBuilder();
    int pieces = random.nextInt(random.nextInt(100) == 0 ? 2000 : 8);
    for (int i = 0; i < pieces; ++i) {
      if (random.nextInt(3) > 0)
        text.append(PIECES[random.nextInt(PIECES.length)]);
      else
        text.append(
            (char) (random.nextInt(4) > 0 ? random.nextInt(0x10000) : 0xd800 + random.nextInt(0x800)));
    }
    return random.nextInt(500) == 0 ? null : text.toString();
  }

  private void check(ParseResult result) {
    String text = result.getText();
    if (result.isPinned()) {
      ++pinned;
      assertTrue(text, result.getScore() == 1 && result.isUnderstood() && !result.isTruncated());
    }
    float score = result.getScore();
    assertTrue(text, score >= 0 && score <= 1 || Float.isNaN(score));
    int end = 0;
    for (Slot slot : result.getSlots()) {
      assertTrue(text, end <= slot.getStart() && slot.getStart() < slot.getEnd());
      end = slot.getEnd();
      assertEquals(text.substring(slot.getStart(), end), slot.getValue());
    }
  }
}
