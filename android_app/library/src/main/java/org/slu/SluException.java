package org.slu;

/**
 * Anything that goes wrong in this library. The message is one line that says what is wrong, where, and what to do;
 * {@link #getStatus()} is for programs.
 */
public final class SluException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Kinds of failure. Later versions may have more of them. */
  public enum Status {
    /** An argument cannot be used: null, an unknown slot, a phrase that is too long. */
    ARGUMENT,
    /** The file or asset cannot be opened. */
    FILE,
    /** Not a model of this kind, truncated, or damaged. */
    FORMAT,
    /** A model of a format version that this library does not read. */
    VERSION,
    /** The system has no memory left. */
    MEMORY,
    /** No kernel of that name, or this processor cannot run it. */
    KERNEL,
    /** The model or parser was closed before. */
    CLOSED,
    /** Another thread is using this parser; make one for each thread. */
    BUSY,
    /** The native library is missing: the app was packaged without one for this processor. */
    LIBRARY,
    /** A status of the engine that this version of the library does not know. */
    OTHER
  }

  /** See {@link #getStatus()}. */
  private final Status status;

  SluException(Status status, String message) {
    super(message);
    this.status = status;
  }

  SluException(Status status, String message, Throwable cause) {
    super(message, cause);
    this.status = status;
  }

  /**
   * What kind of failure this is.
   *
   * @return never null
   */
  public Status getStatus() {
    return status;
  }

  static SluException argument(String message) {
    return new SluException(Status.ARGUMENT, message);
  }
}
