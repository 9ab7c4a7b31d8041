package org.slu.tests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.slu.Lexicon;
import org.slu.ParseResult;
import org.slu.Parser;
import org.slu.SluException;
import org.slu.SluException.Status;
import org.slu.SluModel;

/** The flagged model has random weights: what its lexicons say is seen in its score. */
public class LexiconTest {
  private SluModel model;
  private Parser parser;

  @Before
  public void open() {
    model = Models.flagged();
    parser = model.newParser();
  }

  @After
  public void close() {
    model.close();
  }

  private static List<String> one(String phrase) {
    return Collections.singletonList(phrase);
  }

  private float score(String text) {
    return parser.parse(text).getScore();
  }

  @Test
  public void changesAreSeenAtOnceAndCanBeTakenBack() {
    assertTrue(model.getInfo().usesLexicon());
    assertEquals(4, model.getInfo().getLexiconEntries());
    for (Lexicon lexicon : Arrays.asList(model.getLexicon(), parser.getLexicon())) {
      float without = score("play 100ml");
      lexicon.add("song", one("100ml"));
      float with = score("play 100ml");
      assertNotEquals(without, with, 0);
      lexicon.remove("song", one("100ML"));
      assertEquals(without, score("play 100ml"), 0);
      lexicon.reset("song");
      assertEquals(without, score("play 100ml"), 0);
      lexicon.add("song", Arrays.asList("a", "100ml"));
      assertEquals(with, score("play 100ml"), 0);
      lexicon.resetAll();
      assertEquals(without, score("play 100ml"), 0);
    }
  }

  @Test
  public void replacingHidesTheLayersBelow() {
    float listed = score("play 花心");
    parser.getLexicon().replace("song", one("的"));
    float hidden = score("play 花心");
    assertNotEquals(listed, hidden, 0);
    assertEquals(listed, model.newParser().parse("play 花心").getScore(), 0);
    parser.getLexicon().replace("song", Collections.<String>emptyList());
    assertEquals(hidden, score("play 花心"), 0);
    parser.getLexicon().resetAll();
    assertEquals(listed, score("play 花心"), 0);
  }

  @Test
  public void aPhraseIsOnePhraseWhateverIsInIt() {
    // Each of these would be two lines, a comment or nothing in a file of phrases.
    parser.getLexicon().add("song", one("100\nml"));
    float with = score("play 100 ml");
    parser.getLexicon().reset("song");
    assertNotEquals(score("play 100 ml"), with, 0);
    float without = score("#的 play");
    parser.getLexicon().add("song", one("#的"));
    assertNotEquals(without, score("#的 play"), 0);
    parser.getLexicon().resetAll();
    float before = score("play abc");
    parser.getLexicon().add("song", Arrays.asList("", " ", "\u3000", "\n", "\r\n", "\0", "\uD800"));
    assertEquals(before, score("play abc"), 0);
  }

  @Test
  public void namesOfPeopleWithEmojiAreFound() {
    String name = "周\uD83D\uDE00\uD840\uDC00";
    float without = score("call " + name);
    parser.getLexicon().add("name", one(name));
    assertNotEquals(without, score("call " + name), 0);
  }

  @Test
  public void wrongChangesChangeNothing() {
    float before = score("play 100ml");
    char[] much = new char[Lexicon.MAX_PHRASE_LENGTH + 1];
    Arrays.fill(much, '周');
    String long63 = new String(much);
    SluException failure =
        Models.fails(Status.ARGUMENT, () -> parser.getLexicon().add("song", Arrays.asList("100ml", long63)));
    assertTrue(failure.getMessage(), failure.getMessage().contains("line 2"));
    assertEquals(before, score("play 100ml"), 0);
    failure = Models.fails(Status.ARGUMENT, () -> model.getLexicon().add("songs", one("100ml")));
    assertTrue(failure.getMessage(), failure.getMessage().contains("songs; it has name, singer, song"));
    Models.fails(Status.ARGUMENT, () -> model.getLexicon().add("song\0", one("100ml")));
    Models.fails(Status.ARGUMENT, () -> model.getLexicon().add(null, one("100ml")));
    Models.fails(Status.ARGUMENT, () -> model.getLexicon().add("song", null));
    Models.fails(Status.ARGUMENT, () -> model.getLexicon().add("song", one(null)));
    Models.fails(Status.ARGUMENT, () -> model.getLexicon().remove("song", null));
    Models.fails(Status.ARGUMENT, () -> model.getLexicon().replace("song", null));
    Models.fails(Status.ARGUMENT, () -> model.getLexicon().reset(null));
    assertEquals(before, score("play 100ml"), 0);
    SluModel none = Models.tiny();
    Models.fails(Status.ARGUMENT, () -> none.getLexicon().add("song", one("a")));
    Models.fails(Status.ARGUMENT, () -> none.newParser().getLexicon().resetAll());
    none.close();
  }

  @Test
  public void phrasesThatFitAreAccepted() {
    char[] many = new char[Lexicon.MAX_PHRASE_LENGTH];
    Arrays.fill(many, '周');
    String longest = new String(many);
    assertTrue(Lexicon.accepts(longest) && Lexicon.accepts("  " + longest + " \n") && Lexicon.accepts(""));
    assertFalse(Lexicon.accepts(longest + "周") || Lexicon.accepts(null));
    StringBuilder pairs = new StringBuilder();
    for (int i = 0; i < Lexicon.MAX_PHRASE_LENGTH; ++i) pairs.append("\uD840\uDC00");
    assertTrue(Lexicon.accepts(pairs));
    parser.getLexicon().add("song", Arrays.asList(longest, pairs));
    assertFalse(Lexicon.accepts(pairs.append("\uD840\uDC00")));
    Models.fails(Status.ARGUMENT, () -> parser.getLexicon().add("song", one(pairs.toString())));
  }

  @Test
  public void otherThreadsParseMeanwhile() throws Exception {
    final float without = score("play 100ml");
    model.getLexicon().add("song", one("100ml"));
    final float with = score("play 100ml");
    model.getLexicon().resetAll();
    final boolean[] wrong = new boolean[1];
    final Parser other = model.newParser();
    Thread reader = new Thread(() -> {
      for (int i = 0; i < 5000; ++i) {
        float found = other.parse("play 100ml").getScore();
        if (found != with && found != without)
          wrong[0] = true;
      }
    });
    reader.start();
    while (reader.isAlive()) {
      model.getLexicon().add("song", one("100ml"));
      model.getLexicon().resetAll();
    }
    reader.join();
    assertFalse("a parse saw half of a change", wrong[0]);
  }

  @Test
  public void manyPhrasesFit() {
    String[] phrases = new String[50000];
    for (int i = 0; i < phrases.length; ++i) phrases[i] = "联系人" + i;
    model.getLexicon().add("name", Arrays.asList(phrases));
    ParseResult result = parser.parse("call 联系人49999");
    parser.getLexicon().remove("name", Arrays.asList(phrases));
    assertNotEquals(result.getScore(), score("call 联系人49999"), 0);
  }
}
