package org.slu.demo;

import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.ImageView;
import android.widget.TextView;

/** The views of main.xml: five pages, of which one is shown, and the tabs under them. */
final class Screen {
  static final int UNDERSTAND = 0;
  static final int DIALOGUE = 1;
  static final int NAMES = 2;
  static final int SPEED = 3;
  static final int MODEL = 4;

  private static final int[] PAGES = {
      R.id.page_understand, R.id.page_dialogue, R.id.page_names, R.id.page_speed, R.id.page_model};
  private static final int[] LABELS = {
      R.string.tab_understand, R.string.tab_dialogue, R.string.tab_names, R.string.tab_speed, R.string.tab_model};
  private static final int[] ICONS = {
      R.drawable.ic_understand, R.drawable.ic_dialogue, R.drawable.ic_names, R.drawable.ic_speed, R.drawable.ic_model};

  final UnderstandPage understand;
  final DialoguePage dialogue;
  final NamesPage names;
  final SpeedPage speed;
  final ModelPage model;

  private final View root;
  private final ViewGroup tabs;
  private int selected;

  /** What the pages ask of the activity. */
  interface Actions {
    /** Listen, or stop listening. */
    void microphone();

    /** Time the sentence on the screen a thousand times. */
    void measure();

    /** Let the user choose a model file. */
    void openModel();

    /** Open the model that is packaged with the app. */
    void builtInModel();
  }

  Screen(View root, SpeedPage.Device device, final Actions actions) {
    this.root = root;
    Look look = new Look(root.getResources());
    understand = new UnderstandPage(root, look, new Runnable() {
      @Override
      public void run() {
        actions.microphone();
      }
    });
    dialogue = new DialoguePage(root, look);
    names = new NamesPage(root, look, new Runnable() {
      @Override
      public void run() {
        understand.refresh();
      }
    });
    speed = new SpeedPage(root, look, device, new Runnable() {
      @Override
      public void run() {
        actions.measure();
      }
    });
    model = new ModelPage(root, look,
        new Runnable() {
          @Override
          public void run() {
            actions.openModel();
          }
        },
        new Runnable() {
          @Override
          public void run() {
            actions.builtInModel();
          }
        });
    tabs = (ViewGroup) root.findViewById(R.id.tabs);
    addTabs();
    select(UNDERSTAND);
  }

  private void addTabs() {
    for (int i = 0; i < PAGES.length; ++i) {
      final int page = i;
      View tab = LayoutInflater.from(tabs.getContext()).inflate(R.layout.tab, tabs, false);
      ((ImageView) tab.findViewById(R.id.tab_icon)).setImageResource(ICONS[i]);
      ((TextView) tab.findViewById(R.id.tab_label)).setText(LABELS[i]);
      tab.setOnClickListener(new View.OnClickListener() {
        @Override
        public void onClick(View view) {
          select(page);
        }
      });
      tabs.addView(tab);
    }
  }

  /** Show one of the pages. */
  void select(int page) {
    selected = page;
    ((TextView) root.findViewById(R.id.page_title)).setText(LABELS[page]);
    for (int i = 0; i < PAGES.length; ++i) {
      root.findViewById(PAGES[i]).setVisibility(i == page ? View.VISIBLE : View.GONE);
      tabs.getChildAt(i).setActivated(i == page);
      tabs.getChildAt(i).setSelected(i == page); // for those who hear the screen
    }
    if (page == SPEED && understand.answer() != null) speed.show(understand.answer());
  }

  int selected() {
    return selected;
  }

  /**
   * Show what an assistant answers from now on.
   *
   * @param file name of its model's file; null for the built-in one
   */
  void use(Assistant assistant, String file) {
    speed.use(assistant);
    understand.use(assistant);
    dialogue.use(assistant);
    names.use(assistant);
    model.show(assistant.info(), file);
    String name = assistant.info().getName().isEmpty() ? file : assistant.info().getName();
    String precision = assistant.info().isQuantised() ? "INT8" : "FP32";
    ((TextView) root.findViewById(R.id.model_name))
        .setText(
            (name == null ? "" : name + " · ") + precision + " · " + Answer.size(assistant.info().getModelBytes()));
    if (selected == SPEED) select(SPEED);
  }
}
