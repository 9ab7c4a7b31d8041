package org.slu.demo;

import android.view.View;
import com.android.ide.common.rendering.api.LayoutLog;
import com.android.ide.common.rendering.api.RenderSession;
import com.android.ide.common.rendering.api.Result;
import com.android.ide.common.rendering.api.SessionParams;
import com.android.ide.common.rendering.api.ViewInfo;
import com.android.ide.common.resources.FrameworkResources;
import com.android.ide.common.resources.ResourceItem;
import com.android.ide.common.resources.ResourceRepository;
import com.android.ide.common.resources.ResourceResolver;
import com.android.ide.common.resources.configuration.FolderConfiguration;
import com.android.ide.common.resources.configuration.LocaleQualifier;
import com.android.ide.common.resources.configuration.NightModeQualifier;
import com.android.ide.common.resources.configuration.VersionQualifier;
import com.android.io.FolderWrapper;
import com.android.layoutlib.bridge.Bridge;
import com.android.layoutlib.bridge.intensive.setup.ConfigGenerator;
import com.android.layoutlib.bridge.intensive.setup.LayoutPullParser;
import com.android.resources.Density;
import com.android.resources.NightMode;
import com.android.utils.StdLogger;
import java.io.File;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import javax.imageio.ImageIO;

/**
 * Draws the app's screens to PNG files with the layout engine of Android 6.
 *
 * <p>Arguments: resources of the framework, resources of the app, fonts, stage.xml, model file, directory for the
 * pictures, then scenes as {@code name:language:day} or {@code name:language:night}.
 */
public final class Draw {
  private static final int API = 23;
  private static final int WIDTH = 720;
  private static final int HEIGHT = 1480;
  private static final int DPI = 320;

  private static int problems;

  private Draw() {
  }

  public static void main(String[] arguments) throws Exception {
    File framework = new File(arguments[0]);
    FrameworkResources system = new FrameworkResources(new FolderWrapper(framework));
    system.loadResources();
    system.loadPublicResources(new StdLogger(StdLogger.Level.ERROR));
    ResourceRepository app = new ResourceRepository(new FolderWrapper(arguments[1]), false) {
      @Override
      protected ResourceItem createResourceItem(String name) {
        return new ResourceItem(name);
      }
    };
    app.loadResources();
    Bridge bridge = new Bridge();
    File attributes = new File(framework, "values/attrs.xml");
    if (!bridge.init(properties(), new File(arguments[2]), ConfigGenerator.getEnumMap(attributes), new Log())) {
      throw new IllegalStateException("layoutlib cannot be started");
    }
    Stage.model = new File(arguments[4]);
    for (int i = 6; i < arguments.length; ++i) {
      String[] scene = arguments[i].split(":");
      Stage.scene = scene[0];
      File target = new File(arguments[5], scene[0] + "-" + scene[1] + "-" + scene[2] + ".png");
      draw(bridge, system, app, new File(arguments[3]), scene[1], scene[2].equals("night"), target);
    }
    System.exit(problems == 0 ? 0 : 1); // layoutlib leaves threads behind
  }

  private static void draw(Bridge bridge, FrameworkResources system, ResourceRepository app, File stage,
      String language, boolean night, File target) throws Exception {
    ConfigGenerator device = new ConfigGenerator();
    device.setScreenWidth(WIDTH).setScreenHeight(HEIGHT).setDensity(Density.XHIGH).setXdpi(DPI).setYdpi(DPI);
    FolderConfiguration configuration = device.getFolderConfig();
    configuration.setLocaleQualifier(LocaleQualifier.getQualifier(language));
    configuration.setNightModeQualifier(new NightModeQualifier(night ? NightMode.NIGHT : NightMode.NOTNIGHT));
    configuration.setVersionQualifier(new VersionQualifier(API));
    ResourceResolver resolver = ResourceResolver.create(
        app.getConfiguredResources(configuration), system.getConfiguredResources(configuration), "AppTheme", true);
    SessionParams parameters = new SessionParams(new LayoutPullParser(stage), SessionParams.RenderingMode.NORMAL, null,
        device.getHardwareConfig(), resolver, new AppCallback(), API, API, new Log());
    parameters.setForceNoDecor();
    parameters.setLocale(language);
    RenderSession session = bridge.createSession(parameters);
    check(session.getResult());
    check(session.render());
    ImageIO.write(session.getImage(), "png", target);
    for (ViewInfo root : session.getRootViews()) {
      for (String problem : Checks.of((View) root.getViewObject())) {
        ++problems;
        System.err.println("error: " + target.getName() + ": " + problem);
      }
    }
    session.dispose();
  }

  private static void check(Result result) {
    if (result.isSuccess()) return;
    if (result.getException() != null) result.getException().printStackTrace();
    throw new IllegalStateException(result.getStatus() + ": " + result.getErrorMessage());
  }

  private static Map<String, String> properties() {
    Map<String, String> properties = new HashMap<String, String>();
    properties.put("ro.build.version.sdk", Integer.toString(API));
    properties.put("ro.build.version.release", "6.0.1");
    properties.put("ro.build.version.codename", "REL");
    properties.put("ro.build.version.all_codenames", "REL");
    properties.put("ro.product.cpu.abilist", "arm64-v8a");
    properties.put("ro.product.cpu.abilist64", "arm64-v8a");
    properties.put("ro.product.cpu.abilist32", "armeabi-v7a");
    return properties;
  }

  /** Errors count; what layoutlib draws less faithfully than a phone is only said. */
  private static final class Log extends LayoutLog {
    private static final Set<String> told = new HashSet<String>();

    @Override
    public void warning(String tag, String message, Object data) {
      System.err.println("warning: " + tag + ": " + message);
    }

    @Override
    public void fidelityWarning(String tag, String message, Throwable throwable, Object data) {
      if (told.add(message)) System.err.println("less faithful: " + message);
    }

    @Override
    public void error(String tag, String message, Object data) {
      error(tag, message, null, data);
    }

    @Override
    public void error(String tag, String message, Throwable throwable, Object data) {
      ++problems;
      System.err.println("error: " + tag + ": " + message);
      if (throwable != null) throwable.printStackTrace();
    }
  }
}
