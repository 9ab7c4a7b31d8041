package org.slu.demo;

import android.app.Activity;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.BatteryManager;
import android.os.Build;
import android.os.Bundle;
import android.os.Handler;
import android.util.Log;
import android.view.WindowManager;
import android.widget.TextView;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slu.SluException;
import org.slu.SluModel;

/**
 * Runs {@link Benchmark} while nothing on the screen moves. Started over adb; docs/android-app.md says how, and what it
 * logs. It begins a moment after it has the focus, once the system has finished what it does for a new screen.
 */
public final class BenchmarkActivity extends Activity {
  private static final String TAG = "SluBench";
  private static final int SETTLE_MS = 1500;

  private final Handler handler = new Handler();
  private volatile boolean left; // the foreground, since the benchmark began
  private boolean inFront;
  private boolean started;
  private boolean scheduled; // at least once

  @Override
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON | WindowManager.LayoutParams.FLAG_TURN_SCREEN_ON
        | WindowManager.LayoutParams.FLAG_SHOW_WHEN_LOCKED);
    setContentView(R.layout.benchmark);
  }

  @Override
  protected void onNewIntent(Intent intent) {
    if (started) {
      Log.e(TAG, "failed a benchmark is running already: wait until it is done, or start with -S");
    } else {
      setIntent(intent);
      schedule();
    }
  }

  @Override
  public void onWindowFocusChanged(boolean focus) {
    if (focus && !scheduled) schedule();
  }

  private void schedule() {
    scheduled = true;
    started = true;
    handler.postDelayed(new Runnable() {
      @Override
      public void run() {
        begin();
      }
    }, SETTLE_MS);
  }

  @Override
  protected void onResume() {
    super.onResume();
    inFront = true;
  }

  @Override
  protected void onPause() {
    inFront = false;
    left = true;
    super.onPause();
  }

  private void begin() {
    left = !inFront;
    new Thread("benchmark") {
      @Override
      public void run() {
        try {
          Bundle extras = getIntent().getExtras();
          BenchmarkRequest request = BenchmarkRequest.of(map(extras == null ? new Bundle() : extras));
          File directory = directory(request.utterances);
          Log.i(TAG, "started " + Json.write(Json.object("directory", directory.getPath(), "rounds", request.rounds)));
          end("done ", R.string.benchmark_done, new Benchmark(request, directory, new Phone()).run().getPath());
        } catch (IllegalArgumentException wrong) {
          end("failed ", R.string.benchmark_failed, wrong.getMessage());
        } catch (IOException failure) {
          end("failed ", R.string.benchmark_failed, failure.getMessage());
        } catch (SluException failure) {
          end("failed ", R.string.benchmark_failed, failure.getMessage());
        }
      }
    }.start();
  }

  private void end(final String word, final int text, final String what) {
    runOnUiThread(new Runnable() {
      @Override
      public void run() {
        ((TextView) findViewById(R.id.benchmark_state)).setText(getString(text, what));
        Log.i(TAG, word + what); // last, when the screen is still again
        started = false;
      }
    });
  }

  private static Map<String, Object> map(Bundle extras) {
    Map<String, Object> map = new HashMap<String, Object>();
    for (String key : extras.keySet()) map.put(key, extras.get(key));
    return map;
  }

  /**
   * The one of the app's directories that adb reaches and that has the file; which one it reaches depends on the
   * system.
   */
  private File directory(String name) throws IOException {
    List<File> directories = new ArrayList<File>();
    directories.add(getExternalFilesDir(null));
    for (File media : getExternalMediaDirs()) directories.add(media);
    for (File directory : directories) {
      if (directory != null && new File(directory, name).isFile()) return directory;
    }
    throw new IOException("no file " + name + " in any of " + directories + ": push it there first");
  }

  private final class Phone implements Benchmark.Surroundings {
    @Override
    public SluModel openBuiltIn() {
      return SluModel.open(BenchmarkActivity.this, MainActivity.ASSET);
    }

    @Override
    public Map<String, Object> device() {
      return Json.object("manufacturer", Build.MANUFACTURER, "model", Build.MODEL, "hardware", Build.HARDWARE, "abi",
          Build.SUPPORTED_ABIS[0], "sdk", Build.VERSION.SDK_INT, "fingerprint", Build.FINGERPRINT);
    }

    @Override
    public Map<String, Object> conditions() {
      Intent battery = registerReceiver(null, new IntentFilter(Intent.ACTION_BATTERY_CHANGED)); // sticky: no receiver
      int tenths = battery == null ? -1 : battery.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, -1);
      int plugged = battery == null ? -1 : battery.getIntExtra(BatteryManager.EXTRA_PLUGGED, -1);
      return Json.object("battery_celsius", tenths < 0 ? null : tenths / 10.0, "plugged",
          plugged < 0 ? null : plugged != 0, "frequencies_khz", Machine.frequencies());
    }

    @Override
    public void progress(int round, int rounds, Map<String, Object> figures) {
      Log.i(TAG, "round " + round + "/" + rounds + " " + Json.write(figures));
    }

    @Override
    public boolean cancelled() {
      return left;
    }
  }
}
