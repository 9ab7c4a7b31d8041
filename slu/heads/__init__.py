"""What a network answers: tensors, decoding and measures of each kind of answer."""

TASKS = ("joint", "sequence", "labels", "tokens", "answer")
"""Names of the heads in `slu.heads.table.HEADS`, for command lines that show them without importing NumPy."""
