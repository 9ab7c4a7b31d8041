/* Counts the instructions that a program executes under qemu's user mode, by function if asked to.
 *
 *     gcc -O2 -shared -fPIC -o count.so count_instructions.c
 *     qemu-aarch64 -cpu cortex-a76 -plugin ./count.so -d plugin program ...        prints "instructions: N"
 *     qemu-aarch64 ... -plugin ./count.so,blocks=on ...                            also each block: address, times, length
 *
 * Debian's dynamic qemu-aarch64 loads plugins, the static one does not. The declarations below are QEMU's documented plugin
 * interface, version 1 (docs/devel/tcg-plugins.rst); Debian ships no header of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation, void *counter,
                                              uint64_t amount);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void *),
                                    void *user);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { ADD_U64 = 0, MOST_BLOCKS = 1 << 20 };

struct block {
  uint64_t address, length, times;
};
static struct block *blocks;
static size_t block_count;
static uint64_t total;
static int by_block;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  const uint64_t length = qemu_plugin_tb_n_insns(tb);
  qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &total, length);
  if (!by_block || block_count == MOST_BLOCKS) return;
  struct block *block = &blocks[block_count++];
  block->address = qemu_plugin_tb_vaddr(tb);
  block->length = length;
  qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &block->times, 1);
}

static void finished(qemu_plugin_id_t id, void *user) {
  (void)id;
  (void)user;
  fprintf(stderr, "instructions: %" PRIu64 "\n", total);
  for (size_t i = 0; i < block_count; ++i)
    fprintf(stderr, "block: 0x%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", blocks[i].address, blocks[i].times,
            blocks[i].length);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const struct qemu_info *info, int count,
                                                               char **arguments) {
  (void)info;
  for (int i = 0; i < count; ++i) by_block |= !strcmp(arguments[i], "blocks=on");
  if (by_block) blocks = calloc(MOST_BLOCKS, sizeof *blocks);
  if (by_block && !blocks) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, finished, NULL);
  return 0;
}
