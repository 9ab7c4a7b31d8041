"""Compression: one module a technique, from a checkpoint to a smaller one; `compress.steps` has the table of them."""
