package org.slu.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.util.Arrays;
import java.util.Collections;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.slu.SluException;

public final class AssistantTest {
  private static final String SENTENCE = "给东方不白打个电话";
  private static final String NAME = "东方不白";

  private Assistant assistant;

  @Before
  public void open() {
    assistant = Models.assistant();
  }

  @After
  public void close() {
    assistant.close();
  }

  @Test
  public void aSentenceIsUnderstood() {
    Answer answer = assistant.understand("来一首周华健的花心");
    assertEquals(Answer.Kind.COMMAND, answer.kind);
    assertEquals("周华健", answer.result.getValue("singer"));
    assertTrue(answer.nanos > 0);
  }

  @Test
  public void theTurnBeforeCounts() {
    assertNull(assistant.say("导航到人民广场").previousIntent);
    Turn cancel = assistant.say(" 取消 ");
    assertEquals("navigation.navigation", cancel.previousIntent);
    assertEquals("navigation.cancel_navigation", cancel.answer.result.getIntent());
    assistant.say("来一首花心");
    assertEquals("music.pause", assistant.say("取消").answer.result.getIntent());
    assertNull(assistant.say("  "));
    assertEquals(4, assistant.turns().size());
    assistant.restart();
    assertTrue(assistant.turns().isEmpty());
    assertNull(assistant.say("取消").previousIntent);
  }

  @Test
  public void anAddedNameIsFoundAtOnce() {
    assertFalse(assistant.compare(SENTENCE).differs());
    assertTrue(assistant.add("contact_name", " " + NAME + "\n"));
    assertFalse(assistant.add("contact_name", NAME)); // is there
    assertFalse(assistant.add("contact_name", " "));
    Comparison comparison = assistant.compare(SENTENCE);
    assertTrue(comparison.differs());
    assertEquals(Answer.Kind.NOT_UNDERSTOOD, comparison.without.kind);
    assertEquals(NAME, comparison.with.result.getValue("contact_name"));
    assertEquals(NAME, assistant.understand(SENTENCE).result.getValue("contact_name"));
    assertEquals(NAME, assistant.say(SENTENCE).answer.result.getValue("contact_name"));
    assistant.add("contact_name", "慕容青川");
    assertEquals(Arrays.asList("慕容青川", NAME), assistant.names("contact_name"));
    assistant.remove("contact_name", NAME);
    assertFalse(assistant.compare(SENTENCE).differs());
    assertEquals("慕容青川", assistant.understand("给慕容青川打个电话").result.getValue("contact_name"));
    assistant.remove("contact_name", "慕容青川");
    assertEquals(Collections.emptyList(), assistant.names("contact_name"));
    assertFalse(assistant.compare("给慕容青川打个电话").differs());
  }

  @Test
  public void everyExampleOfTheNamesPageShowsADifference() {
    // As in values/strings.xml, whose sentences are chosen for it.
    String[][] examples = {{"song", "播放%s", "导航到月球"}, {"singer", "我想听%s的歌", "西瓜先生"},
        {"destination", "导航到%s", "不告诉你咖啡馆"}};
    for (String[] example : examples) {
      assertTrue(assistant.add(example[0], example[2]));
      Comparison comparison = assistant.compare(String.format(example[1], example[2]));
      assertTrue(example[0], comparison.differs());
      assertEquals(example[2], comparison.with.result.getValue(example[0]));
    }
  }

  @Test
  public void aNameThatIsTooLongChangesNothing() {
    String name = new String(new char[63]).replace('\0', '名');
    try {
      assistant.add("song", name);
      fail("63 characters");
    } catch (Assistant.NameTooLong expected) {
      assertTrue(assistant.names("song").isEmpty());
    }
  }

  @Test
  public void anotherModelTakesTheNamesOver() {
    assistant.add("contact_name", NAME);
    assistant.add("song", "导航到月球");
    Assistant other = Models.assistant();
    try {
      other.addAll(assistant);
      assertEquals(Arrays.asList(NAME), other.names("contact_name"));
      assertEquals(NAME, other.understand(SENTENCE).result.getValue("contact_name"));
      other.remove("contact_name", NAME);
      assertEquals(Arrays.asList(NAME), assistant.names("contact_name"));
    } finally {
      other.close();
    }
  }

  @Test
  public void timingsAreTakenBesideTheScreen() throws InterruptedException {
    final Timings[] timings = new Timings[1];
    Thread thread = new Thread() {
      @Override
      public void run() {
        timings[0] = assistant.time("下一首", 200);
      }
    };
    thread.start();
    for (int i = 0; i < 50; ++i) assistant.understand("下一首"); // no BUSY
    thread.join();
    assertEquals(200, timings[0].count());
    assertTrue(timings[0].percentile(0) > 0);
  }

  @Test
  public void afterClosingItSaysSo() {
    assistant.close();
    assistant.close();
    try {
      assistant.understand("下一首");
      fail("closed");
    } catch (SluException closed) {
      assertEquals(SluException.Status.CLOSED, closed.getStatus());
    }
  }
}
