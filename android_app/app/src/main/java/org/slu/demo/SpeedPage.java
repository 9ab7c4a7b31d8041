package org.slu.demo;

import android.content.res.Resources;
import android.text.TextUtils;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;
import java.util.Locale;
import org.slu.SluModel;

/** How long this sentence takes, once and over a thousand runs, and what it runs on. */
final class SpeedPage {
  static final int RUNS = 1000;

  private static final int[] PERCENTILES = {50, 90, 99};

  private final View root;
  private final Look look;
  private final TextView measure;
  private final Histogram histogram;
  private final Device device;
  private Assistant assistant;
  private Answer answer;

  /** What the system says about itself: its build, which is not the same on a test machine. */
  static class Device {
    final String name;
    final String system;
    final String processor;
    final String abi;

    Device(String name, String system, String processor, String abi) {
      this.name = name;
      this.system = system;
      this.processor = processor;
      this.abi = abi;
    }

    /** Memory of this process; -1: not known. */
    long pssBytes() {
      return Machine.pssBytes();
    }
  }

  /**
   * The page.
   *
   * @param root has the views of page_speed.xml
   * @param onMeasure called when the user wants a thousand runs
   */
  SpeedPage(View root, Look look, Device device, final Runnable onMeasure) {
    this.root = root;
    this.look = look;
    this.device = device;
    measure = (TextView) root.findViewById(R.id.speed_measure);
    histogram = (Histogram) root.findViewById(R.id.speed_histogram);
    measure.setOnClickListener(new View.OnClickListener() {
      @Override
      public void onClick(View view) {
        onMeasure.run();
      }
    });
  }

  void use(Assistant assistant) {
    this.assistant = assistant;
    answer = null; // what stands there was another model's
  }

  /** Show a sentence that was parsed once, and the memory now. */
  void show(Answer answer) {
    boolean other = this.answer == null || !this.answer.result.getText().equals(answer.result.getText());
    this.answer = answer;
    text(R.id.speed_sentence).setText(look.painted(answer, assistant.info().getSlots()));
    showDevice();
    if (!other && histogram.getVisibility() == View.VISIBLE) return; // its thousand runs still stand there
    histogram.setVisibility(View.GONE);
    new Rows((ViewGroup) root.findViewById(R.id.speed_rows));
    text(R.id.speed_value).setText(Answer.duration(answer.nanos));
    text(R.id.speed_what).setText(R.string.speed_latest);
  }

  /** While it is measured nothing moves. */
  void showMeasuring(boolean measuring) {
    measure.setEnabled(!measuring);
    measure.setText(measuring ? R.string.speed_measuring : R.string.speed_measure);
  }

  /** Show many runs of the sentence. */
  void show(Timings timings) {
    Resources resources = look.resources;
    text(R.id.speed_value).setText(Answer.duration(timings.percentile(50)));
    text(R.id.speed_what)
        .setText(resources.getString(R.string.speed_median, String.format(Locale.ROOT, "%,d", timings.count())));
    histogram.show(timings);
    histogram.setVisibility(View.VISIBLE);
    Rows rows = new Rows((ViewGroup) root.findViewById(R.id.speed_rows));
    rows.add(R.string.speed_mean, Answer.duration(timings.mean()));
    for (int percent : PERCENTILES) {
      rows.add(resources.getString(R.string.speed_percentile, percent), Answer.duration(timings.percentile(percent)));
    }
    showDevice();
  }

  private void showDevice() {
    long pssBytes = device.pssBytes();
    String unknown = look.resources.getString(R.string.unknown);
    new Rows((ViewGroup) root.findViewById(R.id.device_rows))
        .add(R.string.device_memory, pssBytes < 0 ? unknown : Answer.size(pssBytes))
        .add(R.string.device_parser, Answer.size(assistant.info().getParserBytes()))
        .add(R.string.device_engine, SluModel.version())
        .add(R.string.device_kernel, assistant.kernel())
        .add(R.string.device_kernels, TextUtils.join(", ", SluModel.kernels()))
        .add(R.string.device_processor, device.processor.isEmpty() ? unknown : device.processor)
        .add(R.string.device_abi, device.abi)
        .add(R.string.device_model, device.name)
        .add(R.string.device_system, device.system);
  }

  private TextView text(int id) {
    return (TextView) root.findViewById(id);
  }
}
