package android.content.res;

import java.io.File;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;

/** A part of a file. */
public class AssetFileDescriptor {
  private final File file;
  private final long start;
  private final long length;
  private FileInputStream stream;

  AssetFileDescriptor(File file, long start, long length) {
    this.file = file;
    this.start = start;
    this.length = length;
  }

  AssetFileDescriptor opened() throws IOException {
    stream = new FileInputStream(file);
    return this;
  }

  public FileDescriptor getFileDescriptor() {
    try {
      return stream.getFD();
    } catch (IOException impossible) {
      throw new AssertionError(impossible);
    }
  }

  public long getStartOffset() {
    return start;
  }

  public long getLength() {
    return length;
  }

  public void close() throws IOException {
    stream.close();
  }
}
