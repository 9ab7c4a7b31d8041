package org.slu.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.io.StringReader;
import org.junit.Test;

public final class MachineTest {
  private static String core(int number, String implementer, String part) {
    return "processor\t: " + number + "\nBogoMIPS\t: 38.40\nCPU implementer\t: " + implementer + "\nCPU part\t: " + part
        + "\n\n";
  }

  @Test
  public void coresAreCountedByKind() throws IOException {
    String phone =
        core(0, "0x41", "0xd05") + core(1, "0x41", "0xd05") + core(2, "0x41", "0xd0b") + core(3, "0x51", "0x802");
    assertEquals("1 × 0x51/0x802, 2 × Cortex-A55, 1 × Cortex-A76", Machine.processor(new StringReader(phone)));
    String desktop = "model name\t: Some CPU @ 2 GHz\nflags : a b\n\nmodel name\t: Some CPU @ 2 GHz\n";
    assertEquals("2 × Some CPU @ 2 GHz", Machine.processor(new StringReader(desktop)));
    assertEquals("", Machine.processor(new StringReader("nothing of that kind")));
  }

  @Test
  public void memoryIsAddedUp() throws IOException {
    String maps = "00400000-0048a000 r-xp\nPss:                 100 kB\nPss_Dirty:    7 kB\nRss: 5 kB\nPss:   24 kB\n";
    assertEquals(124 * 1024, Machine.bytes(new StringReader(maps), "Pss"));
    assertEquals(-1, Machine.bytes(new StringReader(maps), "Swap"));
  }

  @Test
  public void thisProcessHasMemory() {
    assertTrue(Machine.pssBytes() > 1 << 20);
    assertTrue(Machine.rssBytes() >= Machine.pssBytes() / 2);
    assertTrue(!Machine.processor().isEmpty());
  }
}
