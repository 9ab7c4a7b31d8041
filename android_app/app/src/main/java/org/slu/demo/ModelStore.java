package org.slu.demo;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import org.slu.SluModel;

/**
 * The model file that the user has chosen, as a copy of the app's own: the engine maps files, and a document of another
 * app may change or vanish while it is mapped. One is kept; it is opened again when the app starts.
 */
final class ModelStore {
  /** No model for a phone is larger; a film that was tapped by mistake is. */
  static final long MOST_BYTES = 512L << 20;

  private static final String PREFIX = "model-";
  private static final String SUFFIX = ".gguf";
  private static final String UNFINISHED = ".part";
  private static final int PIECE = 1 << 16;

  private final File directory;

  /**
   * A store.
   *
   * @param directory of the app's own, for nothing else; it is made when it is missing
   */
  ModelStore(File directory) {
    this.directory = directory;
  }

  /** The chosen model; null: there is none. */
  File chosen() {
    File[] files = directory.listFiles();
    File found = null;
    for (File file : files == null ? new File[0] : files) {
      if (!file.getName().startsWith(PREFIX) || !file.getName().endsWith(SUFFIX)) continue;
      if (found == null || number(file) > number(found)) found = file;
    }
    return found;
  }

  /**
   * Copy a model, open it, and keep it in place of the one before. What is not a model is not kept, and the one before
   * stays. The file of the one before is removed by name alone: whoever has it mapped keeps its content.
   *
   * @param content of the file, which is read to its end and not closed
   * @return the opened model
   * @throws IOException when it cannot be read or written, or is too large
   * @throws org.slu.SluException when it is not a model that the engine reads
   */
  SluModel open(InputStream content) throws IOException {
    File before = chosen();
    File file = new File(directory, PREFIX + (number(before) + 1) + SUFFIX);
    File part = new File(directory, file.getName() + UNFINISHED);
    SluModel model = null;
    try {
      copy(content, part);
      model = SluModel.open(part);
      if (!part.renameTo(file)) throw new IOException("cannot rename " + part + " to " + file);
      if (before != null) before.delete();
      return model;
    } catch (IOException failure) {
      if (model != null) model.close();
      throw failure;
    } finally {
      part.delete();
    }
  }

  /** Forget the chosen model: from the next start on, the built-in one is opened. */
  void clear() {
    File[] files = directory.listFiles();
    for (File file : files == null ? new File[0] : files) file.delete();
  }

  private void copy(InputStream content, File target) throws IOException {
    if (!directory.isDirectory() && !directory.mkdirs())
      throw new IOException("cannot make the directory " + directory);
    FileOutputStream out = new FileOutputStream(target);
    try {
      byte[] piece = new byte[PIECE];
      long total = 0;
      for (int count = content.read(piece); count >= 0; count = content.read(piece)) {
        total += count;
        if (total > MOST_BYTES)
          throw new IOException("larger than " + (MOST_BYTES >> 20) + " MiB: this is not a model for a phone");
        out.write(piece, 0, count);
      }
      out.getFD().sync();
    } finally {
      out.close();
    }
  }

  private static int number(File file) {
    if (file == null) return 0;
    String name = file.getName();
    try {
      return Integer.parseInt(name.substring(PREFIX.length(), name.length() - SUFFIX.length()));
    } catch (NumberFormatException foreign) {
      return 0;
    }
  }
}
