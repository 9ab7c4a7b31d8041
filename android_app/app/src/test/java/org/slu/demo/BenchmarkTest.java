package org.slu.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.slu.SluModel;

public final class BenchmarkTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();

  private final List<String> log = new ArrayList<String>();
  private int stopAfter = Integer.MAX_VALUE;

  private final Benchmark.Surroundings surroundings = new Benchmark.Surroundings() {
    @Override
    public SluModel openBuiltIn() {
      return SluModel.open(Models.FILE);
    }

    @Override
    public Map<String, Object> device() {
      return Json.object("model", "a host");
    }

    @Override
    public Map<String, Object> conditions() {
      return Json.object("battery_celsius", null);
    }

    @Override
    public void progress(int round, int rounds, Map<String, Object> figures) {
      log.add(round + "/" + rounds);
    }

    @Override
    public boolean cancelled() {
      return log.size() >= stopAfter;
    }
  };

  private static BenchmarkRequest request(Object... keysAndValues) {
    return BenchmarkRequest.of(Json.object(keysAndValues));
  }

  private static void refused(String words, Object... keysAndValues) {
    try {
      request(keysAndValues);
      fail(words);
    } catch (IllegalArgumentException expected) {
      assertTrue(expected.getMessage(), expected.getMessage().contains(words));
    }
  }

  private void write(String name, String text) throws IOException {
    Files.write(new File(folder.getRoot(), name).toPath(), text.getBytes("UTF-8"));
  }

  @Test
  public void extrasAreChecked() {
    BenchmarkRequest request = request("utterances", "u.txt", "rounds", 7, "answers", false, "kernel", "");
    assertEquals("u.txt 7 null null result.json false",
        request.utterances + " " + request.rounds + " " + request.model + " " + request.kernel + " " + request.output
            + " " + request.answers);
    refused("utterances is missing");
    refused("unknown extra rouns", "utterances", "u", "rouns", 1);
    refused("rounds 0", "utterances", "u", "rounds", 0);
    refused("rounds many", "utterances", "u", "rounds", "many");
    refused("without its directory", "utterances", "../u");
    refused("without its directory", "utterances", "u", "output", "/data/x");
    refused("without its directory", "utterances", "u", "model", "..");
    refused("overwrite", "utterances", "u", "output", "u");
    refused("true or false", "utterances", "u", "answers", "yes");
  }

  @Test
  public void theResultHasTimesAndAnswers() throws IOException {
    write("u.txt", "下一首\r\n\n😀来一首花心\n导航到人民广场");
    File file = new Benchmark(request("utterances", "u.txt", "rounds", 3), folder.getRoot(), surroundings).run();
    String json = new String(Files.readAllBytes(file.toPath()), "US-ASCII");
    assertEquals("[1/3, 2/3, 3/3]", log.toString());
    for (String part : new String[] {"\"format\": 1,", "\"utterances\": 3,", "\"rounds\": 3,", "\"place\": \"app\"",
             "\"model\": \"built-in\"", "\"precision\": \"int8\"", "\"end_to_end_ms\": {\"mean\": ",
             "\"by_round\": [{\"at_seconds\": ", "\"battery_celsius\": null", "\"device\": {\"model\": \"a host\"}",
             "\"pss_bytes\": ", "\"load_ms\": ", "\"intent\": \"navigation.navigation\""}) {
      assertTrue(part + " in " + json, json.contains(part));
    }
    // Code points: the emoji is one character, though Java has two for it.
    assertTrue(json, json.contains("\"value\": \"\\u82b1\\u5fc3\",\"start\": 4,\"end\": 6"));
    assertFalse(new File(folder.getRoot(), "result.json.part").exists());
    String kept = System.getProperty("slu.result"); // for the program that reads it
    if (kept != null) Files.copy(file.toPath(), new File(kept).toPath());
  }

  @Test
  public void modelKernelAndOutputCanBeChosen() throws IOException {
    write("u.txt", "下一首\n");
    Files.copy(Models.FILE.toPath(), new File(folder.getRoot(), "mine.gguf").toPath());
    Map<String, Object> extras = new HashMap<String, Object>();
    extras.put("utterances", "u.txt");
    extras.put("model", "mine.gguf");
    extras.put("kernel", "plain");
    extras.put("output", "mine.json");
    extras.put("answers", "false");
    File file = new Benchmark(BenchmarkRequest.of(extras), folder.getRoot(), surroundings).run();
    String json = new String(Files.readAllBytes(file.toPath()), "US-ASCII");
    assertEquals("mine.json", file.getName());
    assertTrue(json, json.contains("\"kernel\": \"plain\"") && json.contains("\"model\": \"mine.gguf\""));
    assertFalse(json, json.contains("\"answers\""));
  }

  private void fails(String words, Object... keysAndValues) {
    try {
      new Benchmark(request(keysAndValues), folder.getRoot(), surroundings).run();
      fail(words);
    } catch (IOException expected) {
      assertTrue(expected.getMessage(), expected.getMessage().contains(words));
    }
    assertFalse(new File(folder.getRoot(), "result.json").exists());
  }

  @Test
  public void failuresAreOneLineAndLeaveNoResult() throws IOException {
    fails("u.txt", "utterances", "u.txt");
    write("u.txt", "\n\r\n");
    fails("has no utterance", "utterances", "u.txt");
    write("u.txt", String.join("", Collections.nCopies(21, "下一首\n")));
    fails("more than 2000000", "utterances", "u.txt", "rounds", 100000);
    stopAfter = 1;
    fails("left the foreground in round 2", "utterances", "u.txt", "rounds", 3);
  }
}
