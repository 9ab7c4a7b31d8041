package com.android.ninepatch;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import javax.imageio.ImageIO;

/** Images with a stretchable part, as layoutlib asks for them: the library that it had them from is in no package. */
public final class NinePatch {
  public static final String EXTENSION_9PATCH = ".9.png";

  private final BufferedImage image;
  private final NinePatchChunk chunk; // null: an ordinary image

  private NinePatch(BufferedImage image, NinePatchChunk chunk) {
    this.image = image;
    this.chunk = chunk;
  }

  /**
   * Read an image.
   *
   * @param is9Patch whether its border of one pixel says what stretches; the border is cut off then
   * @param convert ignored
   * @return null when it is no image
   */
  public static NinePatch load(InputStream input, boolean is9Patch, boolean convert) throws IOException {
    BufferedImage image = ImageIO.read(input);
    if (image == null || !is9Patch) return image == null ? null : new NinePatch(image, null);
    BufferedImage inner = new BufferedImage(image.getWidth() - 2, image.getHeight() - 2, BufferedImage.TYPE_INT_ARGB);
    Graphics2D graphics = inner.createGraphics();
    graphics.drawImage(image, -1, -1, null);
    graphics.dispose();
    return new NinePatch(inner, new NinePatchChunk(image));
  }

  public BufferedImage getImage() {
    return image;
  }

  public NinePatchChunk getChunk() {
    return chunk;
  }
}
