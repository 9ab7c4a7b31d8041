"""Labelled utterances: what they are, how they are read, written, checked and divided."""
