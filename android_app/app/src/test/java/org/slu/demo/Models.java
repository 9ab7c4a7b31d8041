package org.slu.demo;

import java.io.File;
import org.slu.SluModel;

/** The model that the tests parse with: the path is given by the system property slu.model. */
final class Models {
  static final File FILE = new File(System.getProperty("slu.model"));

  private Models() {
  }

  static Assistant assistant() {
    return new Assistant(SluModel.open(FILE));
  }
}
