"""Benchmark on phones: everything that speaks adb from this side, what a phone says about itself, and the run."""
