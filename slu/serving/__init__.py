"""``slu serve``: models behind HTTP, in several processes, that refuse in time what they cannot answer in time."""
