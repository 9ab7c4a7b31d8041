package org.slu.demo;

import android.content.Context;
import android.util.AttributeSet;
import android.widget.FrameLayout;
import java.io.File;
import org.slu.SluModel;

/**
 * Fills the app's views as the activity does, with answers of the real engine, while layoutlib inflates them: only then
 * do they have resources. What is shown is set before.
 */
public final class Stage extends FrameLayout {
  static File model;
  static String scene;

  /** What the pictures are of is no phone, and says so; the memory of this process is mostly layoutlib's. */
  private static final SpeedPage.Device DEVICE =
      new SpeedPage.Device("layoutlib", "Android 6.0.1 (API 23)", Machine.processor(), System.getProperty("os.arch")) {
        @Override
        long pssBytes() {
          return -1;
        }
      };

  /** As the inflater calls it. */
  public Stage(Context context, AttributeSet attributes) {
    super(context, attributes);
  }

  @Override
  protected void onFinishInflate() {
    super.onFinishInflate();
    Screen screen = new Screen(this, DEVICE, new Nothing());
    screen.understand.showMicrophone(true, false, "");
    Assistant assistant = new Assistant(SluModel.open(model));
    screen.use(assistant, null);
    play(screen, assistant);
  }

  private static void play(Screen screen, Assistant assistant) {
    switch (scene) {
      case "understand":
        screen.understand.type("来一首周华健的花心");
        break;
      case "not_understood":
        screen.understand.type("播放安静的钢琴曲");
        break;
      case "other":
        screen.understand.type("今天天气怎么样");
        break;
      case "empty":
        break;
      case "long":
        screen.understand.type("导航到一个名字很长很长的地方比如说人民广场旁边的那家咖啡馆的后门口的停车场");
        break;
      case "dialogue":
        screen.select(Screen.DIALOGUE);
        for (String turn : new String[] {"导航到人民广场", "取消", "来一首花心", "取消"}) screen.dialogue.say(turn);
        break;
      case "names":
        screen.select(Screen.NAMES);
        screen.names.add("东方不白");
        break;
      case "names_error":
        screen.select(Screen.NAMES);
        screen.names.select("song");
        screen.names.add("导航到月球");
        screen.names.add("没有名字的歌");
        screen.names.add(new String(new char[63]).replace('\0', '歌'));
        break;
      case "speed":
        screen.understand.type("来一首周华健的花心");
        screen.select(Screen.SPEED);
        screen.speed.show(assistant.time(screen.understand.answer().result.getText(), SpeedPage.RUNS));
        break;
      case "model":
        screen.select(Screen.MODEL);
        break;
      default:
        throw new IllegalArgumentException("no scene " + scene);
    }
  }

  /** Nobody taps on a picture. */
  private static final class Nothing implements Screen.Actions {
    @Override
    public void microphone() {
    }

    @Override
    public void measure() {
    }

    @Override
    public void openModel() {
    }

    @Override
    public void builtInModel() {
    }
  }
}
