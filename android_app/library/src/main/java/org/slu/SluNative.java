package org.slu;

import java.nio.ByteBuffer;

/**
 * The functions of slu_jni.cpp, and the only class that it knows by name: proguard.txt keeps it. Handles are addresses;
 * whoever calls sees to it that they are open, and that one thread at a time uses a context.
 */
final class SluNative {
  static final int NO_PREVIOUS_INTENT = -3; // for models that take none
  static final int UNKNOWN_INTENT = -2;
  static final int FIRST_TURN = -1;

  static final int ADD = 0;
  static final int REMOVE = 1;
  static final int REPLACE = 2;
  static final int RESET = 3;

  static final int TEXTS = 0;
  static final int INTENTS = 1;
  static final int SLOTS = 2;

  // What parse() fills in: these, then three numbers a slot (index of its name, start, end), then two a label (index of
  // its name, the bits of its score).
  static final int INTENT = 0; // -1 in models without
  static final int SCORE = 1; // the bits of a float
  static final int UNDERSTOOD = 2;
  static final int TRUNCATED = 3;
  static final int PINNED = 4;
  static final int SLOT_COUNT = 5;
  static final int LABEL_COUNT = 6;
  static final int HEADER = 7;
  static final int PER_SLOT = 3;
  static final int PER_LABEL = 2;

  private static final LinkageError MISSING = load();

  private SluNative() {
  }

  private static LinkageError load() {
    try {
      System.loadLibrary("slu_jni");
      return null;
    } catch (LinkageError error) { // no such file, or not for this processor, or this class has another name
      return error;
    }
  }

  /** To be called before anything else here. */
  static void require() {
    if (MISSING != null) {
      throw new SluException(SluException.Status.LIBRARY,
          "libslu_jni.so cannot be loaded: package it for processors of " + System.getProperty("os.arch")
              + ", and keep the name of class org.slu.SluNative (" + MISSING + ")",
          MISSING);
    }
  }

  /** Called by native code, which knows no class of this package but this one. {@code status}: slu_status of slu.h. */
  static RuntimeException exception(int status, String message) {
    return new SluException(kind(status), message);
  }

  private static SluException.Status kind(int status) {
    switch (status) {
      case 1:
      case 6: // never: texts that are handed over are UTF-8
        return SluException.Status.ARGUMENT;
      case 2:
        return SluException.Status.FILE;
      case 3:
        return SluException.Status.FORMAT;
      case 4:
        return SluException.Status.VERSION;
      case 5:
        return SluException.Status.MEMORY;
      case 7:
        return SluException.Status.KERNEL;
      default:
        return SluException.Status.OTHER;
    }
  }

  static native String version();

  /** Null behind the last one. */
  static native String kernel(int index);

  static native boolean isAligned(ByteBuffer direct, int offset);

  /** The model keeps {@code direct} until closeModel. */
  static native long openBuffer(ByteBuffer direct, int offset, int length);

  static native long openFile(String path);

  static native void closeModel(long model);

  /** The numbers of ModelInfo, in its order. */
  static native long[] numbers(long model);

  /** {@code which}: TEXTS (name, kernel, manifest, head), INTENTS or SLOTS. */
  static native String[] names(long model, int which);

  /** {@code kernel}: null for the fastest. */
  static native long createContext(long model, String kernel);

  static native void freeContext(long context);

  /** {@code previous}: index of an intent, UNKNOWN_INTENT or FIRST_TURN; NO_PREVIOUS_INTENT for models without. */
  static native void parse(long context, String text, int previous, int[] result);

  /** {@code phrases}: one a line. {@code slot}: null for all, with RESET. */
  static native void changeModelLexicon(long model, int change, String slot, String phrases);

  static native void changeContextLexicon(long context, int change, String slot, String phrases);

  /** {@code lines}: an intent, a tab and a tagged text each. */
  static native void changeModelPins(long model, int change, String lines);

  static native void changeContextPins(long context, int change, String lines);
}
