package org.slu.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.fail;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.slu.SluException;
import org.slu.SluModel;

public final class ModelStoreTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();

  private ModelStore store() {
    return new ModelStore(new File(folder.getRoot(), "models"));
  }

  private static SluModel open(ModelStore store) throws IOException {
    InputStream content = new FileInputStream(Models.FILE);
    try {
      return store.open(content);
    } finally {
      content.close();
    }
  }

  @Test
  public void theLatestModelIsKept() throws IOException {
    assertNull(store().chosen());
    SluModel first = open(store());
    for (int i = 0; i < 10; ++i) open(store()).close(); // so that there is one of two digits
    assertArrayEquals(new String[] {"model-11.gguf"}, new File(folder.getRoot(), "models").list());
    assertEquals(Models.FILE.length(), store().chosen().length());
    assertEquals("music.next", first.newParser().parse("下一首").getIntent()); // its file is gone, its memory is not
    first.close();
    store().clear();
    assertNull(store().chosen());
  }

  @Test
  public void whatIsNoModelIsNotKept() throws IOException {
    open(store()).close();
    for (byte[] content : new byte[][] {{}, "GGUF".getBytes("US-ASCII"), new byte[100000]}) {
      try {
        store().open(new ByteArrayInputStream(content)).close();
        fail(content.length + " bytes");
      } catch (SluException expected) {
        assertArrayEquals(new String[] {"model-1.gguf"}, new File(folder.getRoot(), "models").list());
      }
    }
  }

  @Test
  public void aDocumentThatBreaksOffIsNotKept() throws IOException {
    InputStream broken = new InputStream() {
      private int left = 100000;

      @Override
      public int read() throws IOException {
        if (--left < 0) throw new IOException("connection lost");
        return 0;
      }
    };
    try {
      store().open(broken).close();
      fail("broken");
    } catch (IOException expected) {
      assertEquals("connection lost", expected.getMessage());
      assertArrayEquals(new String[0], new File(folder.getRoot(), "models").list());
    }
  }
}
