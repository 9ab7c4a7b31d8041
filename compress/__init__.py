"""Compression: one module a technique, each from a checkpoint to a smaller checkpoint."""

STEPS = ("vocab", "width", "qat", "embeddings")
"""The steps in their order."""
