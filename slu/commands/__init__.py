"""One module a command of ``slu``."""
