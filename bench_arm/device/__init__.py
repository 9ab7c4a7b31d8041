"""Benchmark on phones: everything that speaks adb from this side, what a phone says about itself, and the run."""

FOLDER = "/data/local/tmp/slu-bench"
"""The only place of a phone where adb may write programs and run them without root."""
