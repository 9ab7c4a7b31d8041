package android.content.res;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.Map;

/** Assets that lie in a file that stands for an APK, stored or compressed, with the answers of Android's. */
public final class AssetManager {
  private final Map<String, AssetFileDescriptor> stored = new HashMap<String, AssetFileDescriptor>();
  private final Map<String, byte[]> compressed = new HashMap<String, byte[]>();

  public void store(String name, File apk, long start, long length) {
    stored.put(name, new AssetFileDescriptor(apk, start, length));
  }

  public void compress(String name, byte[] content) {
    compressed.put(name, content);
  }

  public AssetFileDescriptor openFd(String name) throws IOException {
    if (stored.containsKey(name))
      return stored.get(name).opened();
    throw new FileNotFoundException(compressed.containsKey(name)
            ? "This file can not be opened as a file descriptor; it is probably compressed"
            : name);
  }

  public InputStream open(String name) throws IOException {
    if (compressed.containsKey(name))
      return new ByteArrayInputStream(compressed.get(name));
    throw new FileNotFoundException(name);
  }
}
