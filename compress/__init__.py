"""Compression: one module a technique, each from a checkpoint to a smaller checkpoint."""

STEPS = ("student", "vocab", "width", "ptq", "qat", "embeddings", "calibration")
"""The steps in their order. See `compress.steps.chain` for which starts from which."""
