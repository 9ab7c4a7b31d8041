"""The sample corpus: in-car commands from a seeded grammar, for the demo, the tests and the first steps."""

from slu.corpus.sample.grammar import generate_lexicons, generate_sample

__all__ = ["generate_lexicons", "generate_sample"]
