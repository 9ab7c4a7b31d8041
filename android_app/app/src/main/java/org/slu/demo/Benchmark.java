package org.slu.demo;

import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.slu.ModelInfo;
import org.slu.ParseResult;
import org.slu.Parser;
import org.slu.Slot;
import org.slu.SluModel;

/**
 * The benchmark inside the app's process: every utterance is timed once a round, from the text to the answer as an app
 * gets it. The first round warms up and does not count; the answers are taken from it.
 */
final class Benchmark {
  /** Durations are kept until the end, eight bytes each. */
  static final int MOST_DURATIONS = 2000000;

  static final int FORMAT = 1;

  private static final Charset UTF_8 = Charset.forName("UTF-8");

  private final BenchmarkRequest request;
  private final File directory;
  private final Surroundings surroundings;

  /** What only the system knows; one for phones, one for tests. */
  interface Surroundings {
    /** Open the model that is packaged with the app. */
    SluModel openBuiltIn();

    /** What the device is, to be written into the result. */
    Map<String, Object> device();

    /** Temperature, throttling and frequencies now, to be written into the result of each round. */
    Map<String, Object> conditions();

    /** Tell who waits, between two rounds. Whatever it does is not timed, but warms the processor. */
    void progress(int round, int rounds, Map<String, Object> figures);

    /** Whether to stop, as the app is no longer in the foreground and would be scheduled differently. */
    boolean cancelled();
  }

  /**
   * A benchmark.
   *
   * @param directory has the utterances and, unless it is the built-in one, the model; takes the result
   */
  Benchmark(BenchmarkRequest request, File directory, Surroundings surroundings) {
    this.request = request;
    this.directory = directory;
    this.surroundings = surroundings;
  }

  /**
   * Measure, and write the result.
   *
   * @return the file
   * @throws IOException when a file cannot be read or written, has no utterance, or the app left the foreground
   * @throws org.slu.SluException when the model or the kernel cannot be used
   */
  File run() throws IOException {
    List<String> utterances = readLines(new File(directory, request.utterances));
    if ((long) utterances.size() * request.rounds > MOST_DURATIONS) {
      throw new IOException(utterances.size() + " utterances in " + request.rounds + " rounds are more than "
          + MOST_DURATIONS + " durations: give fewer of one");
    }
    long rssBefore = Machine.rssBytes();
    long start = System.nanoTime();
    SluModel model =
        request.model == null ? surroundings.openBuiltIn() : SluModel.open(new File(directory, request.model));
    try {
      Parser parser = model.newParser(request.kernel);
      double loadMs = (System.nanoTime() - start) / 1e6;
      Map<String, Object> result = measure(parser, utterances);
      result.put("load_ms", loadMs);
      result.put("rss_growth_bytes", rssBefore < 0 ? null : Machine.rssBytes() - rssBefore);
      File file = new File(directory, request.output);
      write(file, Json.write(result) + "\n");
      return file;
    } finally {
      model.close();
    }
  }

  private Map<String, Object> measure(Parser parser, List<String> utterances) throws IOException {
    int count = utterances.size();
    long first = System.nanoTime();
    parser.parse(utterances.get(0));
    double firstMs = (System.nanoTime() - first) / 1e6;
    List<Object> answers = new ArrayList<Object>();
    for (String text : utterances) answers.add(answer(parser.parse(text)));

    long[] nanos = new long[count * request.rounds];
    List<Object> rounds = new ArrayList<Object>();
    long began = System.nanoTime();
    for (int round = 0; round < request.rounds; ++round) {
      int at = round * count;
      for (int i = 0; i < count; ++i) {
        String text = utterances.get(i);
        long start = System.nanoTime();
        parser.parse(text);
        nanos[at + i] = System.nanoTime() - start;
      }
      if (surroundings.cancelled()) {
        throw new IOException("the app left the foreground in round " + (round + 1)
            + ": leave it on the screen, and unlocked, until it is done");
      }
      Map<String, Object> figures = Json.object("at_seconds", (System.nanoTime() - began) / 1e9);
      figures.putAll(new Timings(Arrays.copyOfRange(nanos, at, at + count)).toJson());
      figures.putAll(surroundings.conditions());
      rounds.add(figures);
      surroundings.progress(round + 1, request.rounds, figures);
    }

    ModelInfo info = parser.getModel().getInfo();
    Map<String, Object> result = Json.object("format", FORMAT, "backend", "native", "place", "app", "engine",
        SluModel.version(), "model", request.model == null ? "built-in" : request.model, "model_name", info.getName(),
        "size_bytes", info.getModelBytes(), "precision", info.isQuantised() ? "int8" : "fp32", "context_bytes",
        info.getParserBytes(), "kernel", parser.getKernel(), "kernels", SluModel.kernels(), "processor",
        Machine.processor(), "device", surroundings.device(), "threads", 1, "utterances", count, "rounds",
        request.rounds, "first_parse_ms", firstMs, "end_to_end_ms", new Timings(nanos).toJson(), "by_round", rounds,
        "pss_bytes", Machine.pssBytes());
    if (request.answers) result.put("answers", answers);
    return result;
  }

  /** A line of {@code slu parse}; offsets count code points, as everywhere in the project's files. */
  private static Map<String, Object> answer(ParseResult result) {
    String text = result.getText();
    List<Object> slots = new ArrayList<Object>();
    for (Slot slot : result.getSlots()) {
      slots.add(Json.object("name", slot.getName(), "value", slot.getValue(), "start",
          text.codePointCount(0, slot.getStart()), "end", text.codePointCount(0, slot.getEnd())));
    }
    Map<String, Object> answer = Json.object("text", text, "intent", result.getIntent(), "score", result.getScore(),
        "understood", result.isUnderstood(), "slots", slots);
    if (result.isTruncated()) answer.put("truncated", true);
    return answer;
  }

  /** The lines that are not empty. */
  private static List<String> readLines(File file) throws IOException {
    List<String> lines = new ArrayList<String>();
    BufferedReader reader = new BufferedReader(new InputStreamReader(new FileInputStream(file), UTF_8));
    try {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        if (!line.isEmpty()) lines.add(line);
      }
    } finally {
      reader.close();
    }
    if (lines.isEmpty()) throw new IOException(file + " has no utterance: write one a line");
    return lines;
  }

  /** Under another name first: who waits for the file finds it whole. */
  private static void write(File file, String text) throws IOException {
    File part = new File(file.getPath() + ".part");
    Writer writer = new OutputStreamWriter(new FileOutputStream(part), UTF_8);
    try {
      writer.write(text);
    } finally {
      writer.close();
    }
    if (!part.renameTo(file)) throw new IOException("cannot rename " + part + " to " + file);
  }
}
