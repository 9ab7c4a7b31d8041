package org.slu.tests;

import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import org.slu.Lexicon;
import org.slu.ParseResult;
import org.slu.Parser;
import org.slu.Pins;
import org.slu.Session;
import org.slu.Slot;
import org.slu.SluException;
import org.slu.SluModel;

/**
 * Carries out the lines of a file and prints what each gives, so that another program can compare it with the C API:
 * {@code Script MODEL FILE KERNEL}, where KERNEL may be {@code fastest}. Texts are the hexadecimal digits of their UTF-16
 * units, fields are separated by tabs:
 *
 * <pre>
 * parse TEXT
 * after INTENT TEXT
 * turn TEXT
 * restart
 * model|context add|remove|replace SLOT TEXT,TEXT...
 * model|context reset [SLOT]
 * pin-model|pin-context add INTENT TEXT,TEXT...
 * pin-model|pin-context remove TEXT,TEXT...
 * pin-model|pin-context reset
 * </pre>
 *
 * A line of output is {@code intent score-bits understood truncated pinned slot:start:end:value...} or {@code !STATUS message}.
 */
public final class Script {
  private Script() {}

  public static void main(String[] arguments) throws IOException {
    PrintStream out = new PrintStream(System.out, false, "UTF-8");
    SluModel model = SluModel.open(new File(arguments[0]));
    Parser parser = model.newParser(arguments[2].equals("fastest") ? null : arguments[2]);
    Session session = parser.newSession();
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(new FileInputStream(arguments[1]), "UTF-8"));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      try {
        out.println(carryOut(line.split("\t", -1), model, parser, session));
      } catch (SluException failure) {
        out.println("!" + failure.getStatus() + " " + failure.getMessage());
      }
    }
    lines.close();
    model.close();
    out.flush();
  }

  private static String carryOut(String[] words, SluModel model, Parser parser, Session session) {
    String what = words[0];
    if (what.equals("parse"))
      return line(parser.parse(text(words[1])));
    if (what.equals("after"))
      return line(parser.parse(text(words[2]), words[1]));
    if (what.equals("turn"))
      return line(session.parse(text(words[1])));
    if (what.equals("restart")) {
      session.restart();
      return "";
    }
    if (what.startsWith("pin-")) {
      pin(words, what.equals("pin-model") ? model.getPins() : parser.getPins());
      return "";
    }
    Lexicon lexicon = what.equals("model") ? model.getLexicon() : parser.getLexicon();
    if (words[1].equals("reset")) {
      if (words.length == 2)
        lexicon.resetAll();
      else
        lexicon.reset(words[2]);
    } else if (words[1].equals("add")) {
      lexicon.add(words[2], texts(words[3]));
    } else if (words[1].equals("remove")) {
      lexicon.remove(words[2], texts(words[3]));
    } else {
      lexicon.replace(words[2], texts(words[3]));
    }
    return "";
  }

  private static void pin(String[] words, Pins pins) {
    if (words[1].equals("reset"))
      pins.reset();
    else if (words[1].equals("add"))
      pins.add(words[2], texts(words[3]));
    else
      pins.remove(texts(words[2]));
  }

  private static String line(ParseResult result) {
    StringBuilder line = new StringBuilder(result.getIntent());
    line.append('\t').append(Float.floatToRawIntBits(result.getScore()));
    line.append('\t').append(result.isUnderstood()).append('\t').append(result.isTruncated());
    line.append('\t').append(result.isPinned());
    for (Slot slot : result.getSlots()) {
      line.append('\t')
          .append(slot.getName())
          .append(':')
          .append(slot.getStart())
          .append(':')
          .append(slot.getEnd());
      line.append(':').append(digits(slot.getValue()));
    }
    return line.toString();
  }

  static String text(String digits) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < digits.length(); i += 4)
      text.append((char) Integer.parseInt(digits.substring(i, i + 4), 16));
    return text.toString();
  }

  private static List<String> texts(String words) {
    List<String> texts = new ArrayList<String>();
    for (String word : words.split(",", -1)) texts.add(text(word));
    return texts;
  }

  private static String digits(String text) {
    StringBuilder digits = new StringBuilder();
    for (int i = 0; i < text.length(); ++i) digits.append(String.format("%04x", (int) text.charAt(i)));
    return digits.toString();
  }
}
