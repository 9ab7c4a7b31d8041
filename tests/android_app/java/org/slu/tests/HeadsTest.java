package org.slu.tests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.Test;
import org.slu.Label;
import org.slu.ParseResult;
import org.slu.Parser;
import org.slu.Session;
import org.slu.Slot;
import org.slu.SluException.Status;
import org.slu.SluModel;

/** Models of labels, spans alone and answers, made by tests/cpp_runtime/other_heads.py with the engine's answers. */
public class HeadsTest {
  private static List<String[]> answers(String kind) throws Exception {
    List<String[]> found = new ArrayList<String[]>();
    String all =
        new String(Models.bytes(new File(System.getProperty("slu.answers"))), StandardCharsets.UTF_8);
    for (String line : all.split("\n")) {
      String[] cells = line.split("\t", -1);
      cells[1] = cells[1].replace("\\t", "\t");
      if (cells[0].equals(kind))
        found.add(cells);
    }
    assertTrue(kind, found.size() > 3);
    return found;
  }

  private static void compare(String kind, String head) throws Exception {
    try (SluModel model = SluModel.open(new File(System.getProperty("slu." + kind)));
        Parser parser = model.newParser()) {
      assertEquals(head, model.getInfo().getHead());
      Session session = parser.newSession();
      for (String[] expected : answers(kind)) {
        ParseResult result = parser.parse(expected[1]);
        StringBuilder found = new StringBuilder();
        for (Label label : result.getLabels()) {
          assertTrue(label.toString(), label.getScore() > 0 && label.getScore() <= 1);
          assertTrue(model.getInfo().getIntents().contains(label.getName()));
          found.append(' ').append(label.getName());
        }
        for (Slot slot : result.getSlots()) {
          found.append(' ').append(slot);
          assertEquals(slot.getValue(), expected[1].substring(slot.getStart(), slot.getEnd()));
        }
        assertEquals(expected[2], found.toString().trim());
        assertEquals(Float.parseFloat(expected[3]), result.getScore(), 1e-5);
        assertEquals("", result.getIntent());
        assertEquals(result, session.parse(expected[1]));
        assertEquals(result.hashCode(), parser.parse(expected[1]).hashCode());
      }
      Models.fails(Status.ARGUMENT, () -> parser.getPins().add("name", Collections.singletonList("text")));
    }
  }

  @Test
  public void labelsAreThoseOfTheEngine() throws Exception {
    compare("labels", "labels");
  }

  @Test
  public void answersAreThoseOfTheEngine() throws Exception {
    compare("questions", "answer");
  }

  @Test
  public void spansAreThoseOfTheEngine() throws Exception {
    compare("spans", "tokens");
  }
}
