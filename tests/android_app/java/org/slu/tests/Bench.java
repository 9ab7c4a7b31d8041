package org.slu.tests;

import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.slu.Parser;
import org.slu.SluModel;

/**
 * {@code Bench MODEL FILE REPEAT}: prints, in ms, the first opening of the model (which loads the native library), the
 * median of 20 more, and the median time of a parse over the lines of the file, after as many runs to warm up.
 */
public final class Bench {
  private Bench() {}

  public static void main(String[] arguments) throws IOException {
    File file = new File(arguments[0]);
    double first = open(file);
    double[] opened = new double[20];
    for (int i = 0; i < opened.length; ++i) opened[i] = open(file);
    SluModel model = SluModel.open(file);
    Parser parser = model.newParser();
    List<String> texts = lines(arguments[1]);
    int repeat = Integer.parseInt(arguments[2]);
    run(parser, texts, repeat);
    double[] times = run(parser, texts, repeat);
    System.out.println(first + " " + median(opened) + " " + median(times));
    model.close();
  }

  private static double open(File file) {
    long start = System.nanoTime();
    SluModel model = SluModel.open(file);
    double time = (System.nanoTime() - start) / 1e6;
    model.close();
    return time;
  }

  private static double[] run(Parser parser, List<String> texts, int repeat) {
    double[] times = new double[repeat * texts.size()];
    for (int i = 0; i < times.length; ++i) {
      long start = System.nanoTime();
      parser.parse(texts.get(i % texts.size()));
      times[i] = (System.nanoTime() - start) / 1e6;
    }
    return times;
  }

  private static double median(double[] times) {
    Arrays.sort(times);
    return times[times.length / 2];
  }

  private static List<String> lines(String path) throws IOException {
    List<String> lines = new ArrayList<String>();
    BufferedReader reader = new BufferedReader(new InputStreamReader(new FileInputStream(path), "UTF-8"));
    for (String line = reader.readLine(); line != null; line = reader.readLine()) lines.add(line);
    reader.close();
    return lines;
  }
}
