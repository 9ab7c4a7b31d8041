"""Benchmark on this machine: the native engine beside the others."""
