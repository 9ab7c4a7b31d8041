"""The commands of the benchmark: ``slu bench`` with each of its places, and ``slu report``."""
