package org.slu.tests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import java.util.Random;
import org.junit.Test;
import org.slu.ParseResult;
import org.slu.SluException;
import org.slu.SluException.Status;
import org.slu.SluModel;

public class FileTest {
  private static final String TEXT = "play 周华健 的花心";

  private static ParseResult answer(SluModel model) {
    try {
      return model.newParser().parse(TEXT);
    } finally {
      model.close();
    }
  }

  @Test
  public void buffersOfEveryKindOpen() throws IOException {
    ParseResult expected = answer(Models.tiny());
    byte[] bytes = Models.bytes(Models.TINY);
    assertEquals(expected, answer(SluModel.open(ByteBuffer.wrap(bytes))));
    assertEquals(expected, answer(SluModel.open(ByteBuffer.wrap(bytes).asReadOnlyBuffer())));
    for (int shift = 0; shift < 6; ++shift) {
      ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length + 8).order(ByteOrder.LITTLE_ENDIAN);
      direct.position(shift);
      direct.put(bytes).flip().position(shift);
      assertEquals(expected, answer(SluModel.open(direct)));
      assertEquals(shift, direct.position());
      assertEquals(shift + bytes.length, direct.limit());
      assertEquals(expected, answer(SluModel.open(direct.slice())));
      assertEquals(expected, answer(SluModel.open(direct.asReadOnlyBuffer())));
    }
    RandomAccessFile file = new RandomAccessFile(Models.TINY, "r");
    MappedByteBuffer mapped = file.getChannel().map(FileChannel.MapMode.READ_ONLY, 0, file.length());
    file.close();
    assertEquals(expected, answer(SluModel.open(mapped)));
  }

  @Test
  public void theModelKeepsItsMemory() throws IOException {
    byte[] bytes = Models.bytes(Models.TINY);
    ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length);
    direct.put(bytes).flip();
    SluModel model = SluModel.open(direct);
    direct = null;
    ParseResult expected = answer(Models.tiny());
    for (int i = 0; i < 20; ++i) {
      System.gc();
      ByteBuffer.allocateDirect(1 << 20);
      assertEquals(expected, model.newParser().parse(TEXT));
    }
    model.close();
  }

  @Test
  public void whatIsNotThereIsAFileThatCannotBeOpened() throws IOException {
    File directory = File.createTempFile("slu", ".gguf");
    Models.fails(Status.FILE, () -> SluModel.open(directory)); // empty
    assertTrue(directory.delete() && directory.mkdir());
    Models.fails(Status.FILE, () -> SluModel.open(directory));
    assertTrue(directory.delete());
    SluException failure =
        Models.fails(Status.FILE, () -> SluModel.open(new File("/no/such/模型\uD83D\uDE00.gguf")));
    assertTrue(failure.getMessage(), failure.getMessage().contains("/no/such/模型\uD83D\uDE00.gguf"));
    Models.fails(Status.ARGUMENT, () -> SluModel.open(new File("/a\0b")));
    Models.fails(Status.ARGUMENT, () -> SluModel.open((File) null));
    Models.fails(Status.ARGUMENT, () -> SluModel.open((ByteBuffer) null));
    Models.fails(Status.FORMAT, () -> SluModel.open(ByteBuffer.allocate(0)));
    Models.fails(Status.FORMAT, () -> SluModel.open(ByteBuffer.allocateDirect(0)));
    Models.fails(Status.FORMAT, () -> SluModel.open(ByteBuffer.allocateDirect(100)));
  }

  @Test
  public void truncatedModelsAreRefused() throws IOException {
    byte[] bytes = Models.bytes(Models.TINY);
    int last = bytes.length;
    while (bytes[last - 1] == 0) --last;
    for (int length = 8; length < last; length += length < 9000 ? 7 : 131) {
      final ByteBuffer part = ByteBuffer.wrap(bytes, 0, length);
      Models.fails(Status.FORMAT, () -> SluModel.open(part));
    }
    File file = File.createTempFile("slu", ".gguf");
    FileOutputStream stream = new FileOutputStream(file);
    stream.write(bytes, 0, bytes.length / 2);
    stream.close();
    Models.fails(Status.FORMAT, () -> SluModel.open(file));
    assertTrue(file.delete());
  }

  @Test
  public void damagedModelsAreRefusedOrGiveAResult() throws IOException {
    byte[] original = Models.bytes(Models.FLAGGED);
    Random random = new Random(0);
    int refused = 0;
    int opened = 0;
    for (int round = 0; round < 2000; ++round) {
      byte[] bytes = original.clone();
      int end = random.nextInt(5) > 0 ? 9000 : bytes.length;
      for (int i = random.nextInt(3); i >= 0; --i)
        bytes[random.nextInt(end)] ^= (byte) (1 << random.nextInt(8));
      try {
        SluModel model = SluModel.open(ByteBuffer.wrap(bytes));
        ++opened;
        model.newParser().parse(TEXT);
        model.getInfo().getManifest();
        model.close();
      } catch (SluException failure) {
        assertTrue(
            failure.toString(), Arrays.asList(Status.FORMAT, Status.VERSION).contains(failure.getStatus()));
        ++refused;
      }
    }
    assertTrue(refused + " refused, " + opened + " opened", refused > 100 && opened > 100);
  }
}
