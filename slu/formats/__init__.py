"""Readers of model files that need no heavy library: what is in them, and whether they are whole.

One module a format, each with a ``read_...`` that checks every size and reference in the file and returns `Contents`,
or raises `BundleError` with one line. ``slu inspect`` shows what they return; backends call them before a native
library, which may end the process, sees the file. Weights are stepped over, so a check takes milliseconds.
"""
