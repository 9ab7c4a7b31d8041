"""``slu export`` and ``slu run``."""
