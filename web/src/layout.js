// Where the fields of slu.h's structs stand in a memory of 32 bits. os_wasm.cpp does not compile when it is not so.
export const INFO = {
  name: 0,
  formatVersion: 4,
  layers: 8,
  hiddenSize: 12,
  heads: 16,
  vocabSize: 28,
  maxTokens: 32,
  intentCount: 36,
  slotCount: 40,
  quantised: 44,
  intents: 48,
  slots: 52,
  threshold: 56,
  modelBytes: 64,
  contextBytes: 72,
  kernel: 80,
  flagCount: 96,
  usesLexicon: 100,
  lexiconEntries: 104,
  usesPreviousIntent: 108,
  head: 120,
};
export const RESULT = { intentIndex: 4, score: 8, understood: 12, truncated: 16, tokenCount: 20, slotCount: 24, slots: 28, pinned: 32, labelCount: 36, labels: 40 };
export const SLOT = { bytes: 24, index: 4, start: 8, end: 12 };
export const LABEL = { bytes: 12, index: 4, score: 8 };
