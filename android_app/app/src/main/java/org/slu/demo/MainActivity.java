package org.slu.demo;

import android.Manifest;
import android.app.Activity;
import android.app.AlertDialog;
import android.content.ActivityNotFoundException;
import android.content.DialogInterface;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.database.Cursor;
import android.net.Uri;
import android.os.Build;
import android.os.Bundle;
import android.provider.OpenableColumns;
import android.speech.SpeechRecognizer;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import org.slu.SluException;
import org.slu.SluModel;

/**
 * Wires the views to what the phone has: its recogniser, its files, its threads. What the app does stands in the other
 * classes.
 */
public final class MainActivity extends Activity implements Screen.Actions, Microphone.Listener {
  /** The model that is packaged with the app. */
  static final String ASSET = "model.gguf";

  private static final int CHOOSE_MODEL = 1;
  private static final int ASK_MICROPHONE = 2;
  private static final String PAGE = "page";
  private static final String MODEL_LABEL = "model_label";

  private Screen screen;
  private Microphone microphone;
  private ModelStore store;
  private Kept kept;
  private boolean measuring;

  /** What survives when the system builds the activity anew, such as for another theme or language. */
  private static final class Kept {
    Assistant assistant;
    String file; // null: the built-in model
  }

  @Override
  @SuppressWarnings("deprecation") // what replaces it is not part of Android itself
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    setContentView(R.layout.main);
    store = new ModelStore(new File(getFilesDir(), "models"));
    microphone = new Microphone(this, this);
    String name = (Build.MANUFACTURER + " " + Build.MODEL).trim();
    String system = "Android " + Build.VERSION.RELEASE + " (API " + Build.VERSION.SDK_INT + ")";
    SpeedPage.Device device = new SpeedPage.Device(name, system, Machine.processor(), Build.SUPPORTED_ABIS[0]);
    screen = new Screen(findViewById(android.R.id.content), device, this);
    boolean canListen = Microphone.isAvailable(this);
    screen.understand.showMicrophone(canListen, false, canListen ? "" : getString(R.string.microphone_none));
    kept = (Kept) getLastNonConfigurationInstance();
    if (kept == null) {
      kept = new Kept();
      openFirst();
    } else if (kept.assistant != null) {
      screen.use(kept.assistant, kept.file);
    }
    if (state != null) screen.select(state.getInt(PAGE));
  }

  /** The model that was chosen last time, or else the built-in one. */
  private void openFirst() {
    File chosen = store.chosen();
    if (chosen != null) {
      try {
        use(new Assistant(SluModel.open(chosen)),
            getPreferences(MODE_PRIVATE).getString(MODEL_LABEL, chosen.getName()));
        return;
      } catch (SluException failure) {
        store.clear(); // a newer app may not read what an older one did
      }
    }
    openBuiltIn();
  }

  private void openBuiltIn() {
    try {
      use(new Assistant(SluModel.open(this, ASSET)), null);
    } catch (SluException failure) {
      new AlertDialog.Builder(this)
          .setMessage(failure.getMessage())
          .setCancelable(false)
          .setPositiveButton(android.R.string.ok,
              new DialogInterface.OnClickListener() {
                @Override
                public void onClick(DialogInterface dialog, int button) {
                  MainActivity.this.finish();
                }
              })
          .show();
    }
  }

  private void use(Assistant assistant, String file) {
    Assistant before = kept.assistant;
    if (before != null) assistant.addAll(before);
    kept.assistant = assistant;
    kept.file = file;
    screen.use(assistant, file);
    if (before != null) before.close();
  }

  @Override
  @SuppressWarnings("deprecation")
  public Object onRetainNonConfigurationInstance() {
    return kept;
  }

  @Override
  protected void onSaveInstanceState(Bundle state) {
    super.onSaveInstanceState(state);
    state.putInt(PAGE, screen.selected());
  }

  @Override
  protected void onPause() {
    if (microphone.isListening()) {
      microphone.stop();
      onStopped(0);
    }
    super.onPause();
  }

  @Override
  protected void onDestroy() {
    if (!isChangingConfigurations() && kept.assistant != null) kept.assistant.close();
    super.onDestroy();
  }

  @Override
  public void microphone() {
    if (microphone.isListening()) {
      microphone.stop();
      onStopped(0);
    } else if (Build.VERSION.SDK_INT >= 23
        && checkSelfPermission(Manifest.permission.RECORD_AUDIO) != PackageManager.PERMISSION_GRANTED) {
      requestPermissions(new String[] {Manifest.permission.RECORD_AUDIO}, ASK_MICROPHONE);
    } else {
      listen();
    }
  }

  @Override
  public void onRequestPermissionsResult(int request, String[] permissions, int[] results) {
    if (request != ASK_MICROPHONE) return;
    if (results.length > 0 && results[0] == PackageManager.PERMISSION_GRANTED) {
      listen();
    } else {
      screen.understand.showMicrophone(true, false, getString(R.string.microphone_denied));
    }
  }

  private void listen() {
    microphone.start();
    screen.understand.showMicrophone(true, true, getString(R.string.listening));
  }

  @Override
  public void onHeard(String sentence) {
    screen.understand.type(sentence);
  }

  @Override
  public void onStopped(int error) {
    String message = "";
    if (error == SpeechRecognizer.ERROR_NO_MATCH || error == SpeechRecognizer.ERROR_SPEECH_TIMEOUT) {
      message = getString(R.string.microphone_nothing);
    } else if (error == SpeechRecognizer.ERROR_INSUFFICIENT_PERMISSIONS) {
      message = getString(R.string.microphone_denied);
    } else if (error != 0) {
      message = getString(R.string.microphone_failed, error);
    }
    screen.understand.showMicrophone(true, false, message);
  }

  @Override
  public void measure() {
    final Assistant assistant = kept.assistant;
    final Answer answer = screen.understand.answer();
    if (measuring || assistant == null || answer == null) return;
    measuring = true;
    screen.speed.showMeasuring(true);
    new Thread("measure") {
      @Override
      public void run() {
        Timings timings = null;
        try {
          timings = assistant.time(answer.result.getText(), SpeedPage.RUNS);
        } catch (SluException closed) {
          timings = null; // another model was opened meanwhile
        }
        final Timings measured = timings;
        runOnUiThread(new Runnable() {
          @Override
          public void run() {
            measuring = false;
            screen.speed.showMeasuring(false);
            if (measured != null && screen.understand.answer() == answer) screen.speed.show(measured);
          }
        });
      }
    }.start();
  }

  @Override
  public void openModel() {
    Intent intent = new Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("*/*");
    try {
      startActivityForResult(intent, CHOOSE_MODEL);
    } catch (ActivityNotFoundException none) {
      screen.model.showError(getString(R.string.model_no_picker));
    }
  }

  @Override
  public void builtInModel() {
    store.clear();
    openBuiltIn();
  }

  @Override
  protected void onActivityResult(int request, int result, Intent data) {
    if (request != CHOOSE_MODEL || result != RESULT_OK || data == null || data.getData() == null) return;
    final Uri document = data.getData();
    screen.model.showError("");
    screen.model.showOpening(true);
    new Thread("open model") {
      @Override
      public void run() {
        final String label = label(document);
        Assistant assistant = null;
        String error = "";
        try {
          assistant = new Assistant(copy(document));
        } catch (SluException failure) {
          error = failure.getMessage();
        } catch (IOException failure) {
          error = failure.getMessage();
        } catch (SecurityException failure) {
          error = failure.getMessage();
        }
        opened(assistant, label, error);
      }
    }.start();
  }

  private SluModel copy(Uri document) throws IOException {
    InputStream content = getContentResolver().openInputStream(document);
    if (content == null) throw new FileNotFoundException("the app that has it does not hand it out");
    try {
      return store.open(content);
    } finally {
      content.close();
    }
  }

  private void opened(final Assistant assistant, final String label, final String error) {
    runOnUiThread(new Runnable() {
      @Override
      public void run() {
        screen.model.showOpening(false);
        if (assistant == null) {
          screen.model.showError(getString(R.string.model_failed, label, error));
        } else if (isDestroyed()) {
          assistant.close();
        } else {
          getPreferences(MODE_PRIVATE).edit().putString(MODEL_LABEL, label).apply();
          use(assistant, label);
        }
      }
    });
  }

  /** The name under which the user knows a document. */
  private String label(Uri document) {
    Cursor cursor = getContentResolver().query(document, new String[] {OpenableColumns.DISPLAY_NAME}, null, null, null);
    if (cursor == null) return document.getLastPathSegment();
    try {
      return cursor.moveToFirst() && !cursor.isNull(0) ? cursor.getString(0) : document.getLastPathSegment();
    } finally {
      cursor.close();
    }
  }
}
