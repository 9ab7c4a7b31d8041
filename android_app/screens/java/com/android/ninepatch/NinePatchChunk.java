package com.android.ninepatch;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.Serializable;

/** What stretches in an image: one part each way, which is all that the framework's own images have. */
public final class NinePatchChunk implements Serializable {
  private static final long serialVersionUID = 1;
  private static final int BLACK = 0xff000000;

  private final int[] columns; // from, to
  private final int[] rows;
  private final int[] padding; // left, top, right, bottom

  /** Reads the border of an image. */
  NinePatchChunk(BufferedImage image) {
    columns = marked(image, true, 0);
    rows = marked(image, false, 0);
    int[] across = marked(image, true, image.getHeight() - 1);
    int[] down = marked(image, false, image.getWidth() - 1);
    padding = new int[] {across[0], down[0], image.getWidth() - 2 - across[1], image.getHeight() - 2 - down[1]};
  }

  private static int[] marked(BufferedImage image, boolean row, int at) {
    int count = (row ? image.getWidth() : image.getHeight()) - 2;
    int from = -1;
    int to = 0;
    for (int i = 0; i < count; ++i) {
      if ((row ? image.getRGB(i + 1, at) : image.getRGB(at, i + 1)) != BLACK) continue;
      if (from < 0) from = i;
      to = i + 1;
    }
    return from < 0 ? new int[] {0, count} : new int[] {from, to};
  }

  public int[] getPadding() {
    return padding.clone();
  }

  public int[] getPadding(int[] result) {
    System.arraycopy(padding, 0, result, 0, padding.length);
    return result;
  }

  /** Draw an image as a rectangle: nine parts of it, of which only the middle ones change their size. */
  public void draw(
      BufferedImage image, Graphics2D graphics, int x, int y, int width, int height, int target, int source) {
    double scale = target > 0 && source > 0 ? (double) target / source : 1;
    int wide = image.getWidth();
    int high = image.getHeight();
    int[] fromX = {0, columns[0], columns[1], wide};
    int[] fromY = {0, rows[0], rows[1], high};
    int[] toX = {0, (int) (columns[0] * scale), width - (int) ((wide - columns[1]) * scale), width};
    int[] toY = {0, (int) (rows[0] * scale), height - (int) ((high - rows[1]) * scale), height};
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        graphics.drawImage(image, x + toX[i], y + toY[j], x + toX[i + 1], y + toY[j + 1], fromX[i], fromY[j],
            fromX[i + 1], fromY[j + 1], null);
      }
    }
  }
}
