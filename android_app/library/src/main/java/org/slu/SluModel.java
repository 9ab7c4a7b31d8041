package org.slu;

import android.content.Context;
import android.content.res.AssetFileDescriptor;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * An opened model file. Any number of threads may use it, each with a {@link Parser} of its own. Close it when it is no
 * longer needed; that closes its parsers as well.
 */
public final class SluModel implements AutoCloseable {
  private final long handle;
  private final ModelInfo info;
  private final Lexicon lexicon;
  private final Pins pins;
  private final Set<Parser> parsers = new HashSet<Parser>(); // guarded by itself, as are the next two
  private int users = 1; // parsers, calls under way, and this object until it is closed
  private boolean closed;

  private SluModel(long handle) {
    this.handle = handle;
    info = new ModelInfo(SluNative.numbers(handle), SluNative.names(handle, SluNative.TEXTS),
        SluNative.names(handle, SluNative.INTENTS), SluNative.names(handle, SluNative.SLOTS));
    lexicon = new Lexicon(this, null);
    pins = new Pins(this, null);
  }

  /**
   * Open a model that is packaged with the app. An asset that is stored uncompressed is mapped, not copied: tell the
   * build so ({@code aaptOptions.noCompress "gguf"}; the file name has to end in {@code .gguf} then). A compressed one
   * works too, but costs its size in memory.
   *
   * @param context any context of the app
   * @param assetName path below {@code assets/}, such as {@code model.gguf}
   * @return an opened model
   * @throws SluException FILE when there is no such asset; FORMAT or VERSION when it is not a model that this library
   *     reads; ARGUMENT for null; MEMORY; LIBRARY
   */
  public static SluModel open(Context context, String assetName) {
    if (context == null) throw SluException.argument("context is null");
    if (assetName == null) throw SluException.argument("assetName is null");
    ByteBuffer asset = asset(context, assetName);
    try {
      return open(asset);
    } catch (SluException failure) {
      throw new SluException(failure.getStatus(), "asset " + assetName + ": " + failure.getMessage(), failure);
    }
  }

  /**
   * Open a model file. It is mapped into memory, not copied, and must not be changed or truncated while it is open:
   * replace it by renaming another one over it.
   *
   * @param file such as one in {@code context.getFilesDir()}
   * @return an opened model
   * @throws SluException FILE when it cannot be opened or is empty; FORMAT or VERSION when it is not a model that this
   *     library reads; ARGUMENT for null; MEMORY; LIBRARY
   */
  public static SluModel open(File file) {
    if (file == null) throw SluException.argument("file is null");
    SluNative.require();
    return opened(SluNative.openFile(file.getPath()));
  }

  /**
   * Open a model in memory: the bytes between position and limit. A direct buffer whose first byte stands at a multiple
   * of 4 is used in place, and its content must not change while the model is open; any other is copied. Position and
   * limit stay as they are.
   *
   * @param buffer such as one of {@code FileChannel.map}
   * @return an opened model
   * @throws SluException FORMAT or VERSION when it is not a model that this library reads; ARGUMENT for null; MEMORY;
   *     LIBRARY
   */
  public static SluModel open(ByteBuffer buffer) {
    if (buffer == null) throw SluException.argument("buffer is null");
    SluNative.require();
    ByteBuffer memory = buffer.duplicate();
    if (!memory.isDirect() || !SluNative.isAligned(memory, memory.position())) memory = copy(memory);
    return opened(SluNative.openBuffer(memory, memory.position(), memory.remaining()));
  }

  /**
   * Version of the native engine.
   *
   * @return such as {@code 1.1.0}
   * @throws SluException LIBRARY when the app has no native library for this processor
   */
  public static String version() {
    SluNative.require();
    return SluNative.version();
  }

  /**
   * Kernels that this processor can run, the fastest first. All of them give the same results, bit for bit.
   *
   * @return ends with {@code plain}
   * @throws SluException LIBRARY when the app has no native library for this processor
   */
  public static List<String> kernels() {
    SluNative.require();
    List<String> names = new ArrayList<String>();
    for (String name = SluNative.kernel(0); name != null; name = SluNative.kernel(names.size())) names.add(name);
    return Collections.unmodifiableList(names);
  }

  /**
   * Make a parser, with working memory of its own ({@link ModelInfo#getParserBytes()}) and the fastest kernel. Make one
   * for each thread, once, and close it when the thread is done with it.
   *
   * @return never null
   * @throws SluException CLOSED, MEMORY
   */
  public Parser newParser() {
    return newParser(null);
  }

  /**
   * Make a parser that computes with a kernel of your choice, for measurements.
   *
   * @param kernel one of {@link #kernels()}, or null for the fastest
   * @return never null
   * @throws SluException KERNEL for one that this processor does not have; CLOSED, MEMORY
   */
  public Parser newParser(String kernel) {
    enter(); // the parser keeps this until forget()
    long context = 0;
    try {
      context = SluNative.createContext(handle, kernel);
    } finally {
      if (context == 0) leave();
    }
    Parser parser = new Parser(this, context, kernel == null ? info.getKernel() : kernel);
    boolean late;
    synchronized (parsers) {
      late = closed;
      if (!late) parsers.add(parser);
    }
    if (late) {
      parser.close();
      throw closedException();
    }
    return parser;
  }

  /**
   * Names for all parsers of this model, such as the contacts of the phone.
   *
   * @return always the same
   */
  public Lexicon getLexicon() {
    return lexicon;
  }

  /**
   * Texts whose answer the app gives, for all parsers of this model.
   *
   * @return always the same
   */
  public Pins getPins() {
    return pins;
  }

  /**
   * What the model says about itself.
   *
   * @return stays valid after {@link #close()}
   */
  public ModelInfo getInfo() {
    return info;
  }

  /**
   * Close all parsers ({@link Parser#close()}) and free the model's memory as soon as no thread is in the middle of a
   * call. May be called by any thread at any time; every other call throws CLOSED from now on. Closing twice does
   * nothing.
   */
  @Override
  public void close() {
    Parser[] open;
    synchronized (parsers) {
      if (closed) return;
      closed = true;
      open = parsers.toArray(new Parser[0]);
    }
    for (Parser parser : open) parser.close();
    leave();
  }

  /**
   * Whether {@link #close()} was called.
   *
   * @return false while it can be used
   */
  public boolean isClosed() {
    synchronized (parsers) {
      return closed;
    }
  }

  void changeLexicon(int change, String slot, String phrases) {
    enter();
    try {
      SluNative.changeModelLexicon(handle, change, slot, phrases);
    } finally {
      leave();
    }
  }

  void changePins(int change, String lines) {
    enter();
    try {
      SluNative.changeModelPins(handle, change, lines);
    } finally {
      leave();
    }
  }

  void forget(Parser parser) {
    synchronized (parsers) {
      parsers.remove(parser);
    }
    leave();
  }

  private void enter() {
    synchronized (parsers) {
      if (closed) throw closedException();
      ++users;
    }
  }

  private void leave() {
    boolean last;
    synchronized (parsers) {
      last = --users == 0;
    }
    if (last) SluNative.closeModel(handle);
  }

  private static SluException closedException() {
    return new SluException(SluException.Status.CLOSED, "this model was closed; open it again");
  }

  private static SluModel opened(long handle) {
    boolean done = false;
    try {
      SluModel model = new SluModel(handle);
      done = true;
      return model;
    } finally {
      if (!done) SluNative.closeModel(handle);
    }
  }

  private static ByteBuffer copy(ByteBuffer buffer) {
    ByteBuffer memory = ByteBuffer.allocateDirect(buffer.remaining());
    memory.put(buffer);
    memory.flip();
    return memory;
  }

  private static ByteBuffer asset(Context context, String name) {
    try {
      AssetFileDescriptor stored;
      try {
        stored = context.getAssets().openFd(name);
      } catch (IOException compressedOrMissing) {
        return read(context.getAssets().open(name));
      }
      try {
        FileInputStream file = new FileInputStream(stored.getFileDescriptor());
        FileChannel channel = file.getChannel();
        return channel.map(FileChannel.MapMode.READ_ONLY, stored.getStartOffset(), stored.getLength());
      } finally {
        stored.close();
      }
    } catch (IOException failure) {
      throw new SluException(
          SluException.Status.FILE, "asset " + name + ": cannot be read: " + failure.getMessage(), failure);
    }
  }

  private static ByteBuffer read(InputStream stream) throws IOException {
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      byte[] piece = new byte[65536];
      for (int count = stream.read(piece); count >= 0; count = stream.read(piece)) bytes.write(piece, 0, count);
      return ByteBuffer.wrap(bytes.toByteArray());
    } finally {
      stream.close();
    }
  }
}
