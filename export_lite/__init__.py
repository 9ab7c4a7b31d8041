"""From a checkpoint to what devices run: one module a format, and the proof that all of them agree."""
