package org.slu.demo;

import android.content.Context;
import android.content.Intent;
import android.os.Bundle;
import android.speech.RecognitionListener;
import android.speech.RecognizerIntent;
import android.speech.SpeechRecognizer;
import java.util.List;

/** The device's own speech recogniser. What it hears is handed on while it is still being spoken. */
final class Microphone {
  /** The language of the built-in model. */
  private static final String LANGUAGE = "zh-CN";

  private static final String PREFER_OFFLINE = "android.speech.extra.PREFER_OFFLINE"; // a constant since API 23

  private final Context context;
  private final Listener listener;
  private SpeechRecognizer recognizer;

  /** Called on the screen's thread. */
  interface Listener {
    /** The sentence so far. */
    void onHeard(String sentence);

    /** It has stopped listening: with {@code error} 0, or a number of SpeechRecognizer. */
    void onStopped(int error);
  }

  Microphone(Context context, Listener listener) {
    this.context = context;
    this.listener = listener;
  }

  /** Whether the device has a recogniser. */
  static boolean isAvailable(Context context) {
    return SpeechRecognizer.isRecognitionAvailable(context);
  }

  boolean isListening() {
    return recognizer != null;
  }

  /** Listen to one sentence. The app needs the permission RECORD_AUDIO by now. */
  void start() {
    stop();
    recognizer = SpeechRecognizer.createSpeechRecognizer(context);
    recognizer.setRecognitionListener(new Ears());
    recognizer.startListening(new Intent(RecognizerIntent.ACTION_RECOGNIZE_SPEECH)
            .putExtra(RecognizerIntent.EXTRA_LANGUAGE_MODEL, RecognizerIntent.LANGUAGE_MODEL_FREE_FORM)
            .putExtra(RecognizerIntent.EXTRA_LANGUAGE, LANGUAGE)
            .putExtra(RecognizerIntent.EXTRA_PARTIAL_RESULTS, true)
            .putExtra(RecognizerIntent.EXTRA_CALLING_PACKAGE, context.getPackageName())
            .putExtra(PREFER_OFFLINE, true));
  }

  /** Stop listening, and say nothing more. */
  void stop() {
    if (recognizer == null) return;
    recognizer.destroy();
    recognizer = null;
  }

  private final class Ears implements RecognitionListener {
    @Override
    public void onPartialResults(Bundle results) {
      hand(results);
    }

    @Override
    public void onResults(Bundle results) {
      hand(results);
      stop();
      listener.onStopped(0);
    }

    @Override
    public void onError(int error) {
      stop();
      listener.onStopped(error);
    }

    private void hand(Bundle results) {
      List<String> heard = results.getStringArrayList(SpeechRecognizer.RESULTS_RECOGNITION);
      if (heard != null && !heard.isEmpty() && !heard.get(0).isEmpty()) listener.onHeard(heard.get(0));
    }

    @Override
    public void onReadyForSpeech(Bundle parameters) {
    }

    @Override
    public void onBeginningOfSpeech() {
    }

    @Override
    public void onRmsChanged(float decibel) {
    }

    @Override
    public void onBufferReceived(byte[] buffer) {
    }

    @Override
    public void onEndOfSpeech() {
    }

    @Override
    public void onEvent(int type, Bundle parameters) {
    }
  }
}
