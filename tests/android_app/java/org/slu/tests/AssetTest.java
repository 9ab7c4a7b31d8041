package org.slu.tests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.content.Context;
import android.content.res.AssetManager;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileOutputStream;
import java.io.FileReader;
import java.io.IOException;
import org.junit.Test;
import org.slu.ParseResult;
import org.slu.SluException;
import org.slu.SluException.Status;
import org.slu.SluModel;

public class AssetTest {
  private static final String TEXT = "play 周华健 的花心";

  private final AssetManager assets = new AssetManager();
  private final Context context = new Context(assets);

  /** A file in which the model stands behind other things, as in an APK. */
  private static File apk(int before) throws IOException {
    File file = File.createTempFile("slu", ".apk");
    file.deleteOnExit();
    FileOutputStream stream = new FileOutputStream(file);
    stream.write(new byte[before]);
    stream.write(Models.bytes(Models.TINY));
    stream.write(new byte[100]);
    stream.close();
    return file;
  }

  private static ParseResult answer(SluModel model) {
    try {
      return model.newParser().parse(TEXT);
    } finally {
      model.close();
    }
  }

  private static boolean isMapped(File file) throws IOException {
    BufferedReader lines = new BufferedReader(new FileReader("/proc/self/maps"));
    try {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.contains(file.getName()))
          return true;
      }
      return false;
    } finally {
      lines.close();
    }
  }

  @Test
  public void storedAssetsAreMapped() throws IOException {
    ParseResult expected = answer(Models.tiny());
    for (int before : new int[] {0, 4, 5000, 16384, 4095, 7}) {
      File apk = apk(before);
      assets.store("model.gguf", apk, before, Models.TINY.length());
      SluModel model = SluModel.open(context, "model.gguf");
      assertTrue(isMapped(apk));
      assertEquals(expected, answer(model));
    }
  }

  @Test
  public void compressedAssetsOpenToo() throws IOException {
    assets.compress("models/other.gguf", Models.bytes(Models.TINY));
    assertEquals(answer(Models.tiny()), answer(SluModel.open(context, "models/other.gguf")));
  }

  @Test
  public void failuresNameTheAsset() throws IOException {
    SluException failure = Models.fails(Status.FILE, () -> SluModel.open(context, "none.gguf"));
    assertTrue(failure.getMessage(), failure.getMessage().startsWith("asset none.gguf: "));
    assets.store("half.gguf", apk(8), 8, Models.TINY.length() / 2);
    failure = Models.fails(Status.FORMAT, () -> SluModel.open(context, "half.gguf"));
    assertTrue(failure.getMessage(), failure.getMessage().startsWith("asset half.gguf: "));
    Models.fails(Status.ARGUMENT, () -> SluModel.open(context, null));
    Models.fails(Status.ARGUMENT, () -> SluModel.open(null, "model.gguf"));
  }
}
