package org.slu.tests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.fail;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import org.slu.SluException;
import org.slu.SluModel;

/** What the tests share: the models that they are given by properties, and how they ask for a failure. */
final class Models {
  /** The model of the golden files: intents call, none and play; slots name, singer and song; 12 tokens at most. */
  static final File TINY = new File(System.getProperty("slu.tiny"));

  /** The same with lexicons (name: 周华健; song: 花心, a b, 1) and previous intents. */
  static final File FLAGGED = new File(System.getProperty("slu.flagged"));

  /** Texts that go wrong where offsets are counted in anything but UTF-16 units. */
  static final String[] TEXTS = {
      "",
      " ",
      "play 周华 的花心",
      "café 花心 abc",
      "\uD83D\uDE00 smile 周",
      "a\0b 的\0",
      "  来  一  首 ",
      "\uD83D\uDE00\uD83D\uDE00周华健的花心",
      "\uD840\uDC00\uD86D\uDF40周\uD869\uDED6华健",
      "e\u0301\u0301 play a\u0300bc",
      "\uD83D\uDC68\u200D\uD83D\uDC69\u200D\uD83D\uDC67 call 周华健",
      "\uD800",
      "\uDC00周\uD800",
      "\uDC00\uD800\uDC00\uD800 play abc",
      "\uFEFF\uFFFD\uFFFE\uFFFF 100ml",
      "ＡＢＣ１００ｍｌ 花心",
  };

  private Models() {}

  static SluModel tiny() {
    return SluModel.open(TINY);
  }

  static SluModel flagged() {
    return SluModel.open(FLAGGED);
  }

  static byte[] bytes(File file) throws IOException {
    byte[] bytes = new byte[(int) file.length()];
    FileInputStream stream = new FileInputStream(file);
    try {
      int count = 0;
      while (count < bytes.length) count += stream.read(bytes, count, bytes.length - count);
    } finally {
      stream.close();
    }
    return bytes;
  }

  /** Something that is to throw a SluException. */
  interface Action {
    void run() throws Exception;
  }

  static SluException fails(SluException.Status status, Action action) {
    try {
      action.run();
    } catch (SluException failure) {
      assertEquals(failure.getMessage(), status, failure.getStatus());
      assertNotNull(failure.getMessage());
      assertFalse(
          failure.getMessage(), failure.getMessage().isEmpty() || failure.getMessage().indexOf('\n') >= 0);
      return failure;
    } catch (Exception other) {
      throw new AssertionError(other);
    }
    fail("no exception");
    return null;
  }
}
