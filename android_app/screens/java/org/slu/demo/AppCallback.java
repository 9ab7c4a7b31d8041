package org.slu.demo;

import com.android.ide.common.rendering.api.ActionBarCallback;
import com.android.ide.common.rendering.api.AdapterBinding;
import com.android.ide.common.rendering.api.ILayoutPullParser;
import com.android.ide.common.rendering.api.LayoutlibCallback;
import com.android.ide.common.rendering.api.ParserFactory;
import com.android.ide.common.rendering.api.ResourceReference;
import com.android.ide.common.rendering.api.ResourceValue;
import com.android.layoutlib.bridge.intensive.setup.LayoutPullParser;
import com.android.resources.ResourceType;
import com.android.util.Pair;
import java.io.File;
import java.lang.reflect.Field;
import java.util.HashMap;
import java.util.Map;
import org.kxml2.io.KXmlParser;
import org.xmlpull.v1.XmlPullParser;

/** Tells layoutlib of the app's resources and views: the numbers in its class R, and the classes on the class path. */
final class AppCallback extends LayoutlibCallback {
  private final Map<Integer, Pair<ResourceType, String>> names = new HashMap<Integer, Pair<ResourceType, String>>();
  private final Map<Pair<ResourceType, String>, Integer> numbers = new HashMap<Pair<ResourceType, String>, Integer>();

  AppCallback() throws IllegalAccessException {
    for (Class<?> group : R.class.getDeclaredClasses()) {
      ResourceType type = ResourceType.getEnum(group.getSimpleName());
      for (Field field : group.getDeclaredFields()) {
        if (field.getType() != int.class || type == null) continue;
        Pair<ResourceType, String> name = Pair.of(type, field.getName());
        names.put(field.getInt(null), name);
        numbers.put(name, field.getInt(null));
      }
    }
  }

  @Override
  public Object loadView(String name, Class[] signature, Object[] arguments) throws Exception {
    return Class.forName(name).getConstructor((Class<?>[]) signature).newInstance(arguments);
  }

  @Override
  public String getNamespace() {
    return "http://schemas.android.com/apk/res/org.slu.demo";
  }

  @Override
  public Pair<ResourceType, String> resolveResourceId(int id) {
    return names.get(id);
  }

  @Override
  public String resolveResourceId(int[] ids) {
    return null; // the app's views have no attributes of their own
  }

  @Override
  public Integer getResourceId(ResourceType type, String name) {
    return numbers.get(Pair.of(type, name));
  }

  @Override
  public ILayoutPullParser getParser(String layoutName) {
    throw new UnsupportedOperationException("layouts are found by their resource");
  }

  @Override
  public ILayoutPullParser getParser(ResourceValue layout) {
    return new LayoutPullParser(new File(layout.getValue()));
  }

  @Override
  public Object getAdapterItemValue(ResourceReference view, Object cookie, ResourceReference item, int fullPosition,
      int positionPerType, int fullParentPosition, int parentPositionPerType, ResourceReference itemView,
      ViewAttribute attribute, Object otherwise) {
    return null;
  }

  @Override
  public AdapterBinding getAdapterBinding(ResourceReference view, Object cookie, Object object) {
    return null;
  }

  @Override
  public ActionBarCallback getActionBarCallback() {
    return new ActionBarCallback();
  }

  @Override
  public ParserFactory getParserFactory() {
    return new ParserFactory() {
      @Override
      public XmlPullParser createParser(String debugName) {
        return new KXmlParser();
      }
    };
  }

  @Override
  public boolean supports(int feature) {
    return false;
  }
}
