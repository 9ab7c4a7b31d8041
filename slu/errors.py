"""The errors of this project: one family, each message one line: what is wrong, where, what to do."""


class SluError(Exception):
    """Base of every error raised on purpose. The command line prints it, no traceback, and exits with 2."""


class CorpusError(SluError):
    """A corpus cannot be read, or holds what its format does not allow."""


class CheckpointError(SluError):
    """A checkpoint is missing, truncated, of another version, or its parts do not fit each other."""


class BundleError(SluError):
    """A bundle is missing, broken, of another version, or lacks the format asked for."""


class LexiconError(SluError):
    """A list of names cannot be read, holds what no list can, or is for a slot that the model has not."""


class PinError(SluError):
    """A pinned phrase cannot be one, or has an intent or a slot that the model has not."""


class ConfigError(SluError):
    """A setting, from a recipe, a file of labels or the command line, has a value that cannot work."""


class OutputError(SluError):
    """A result cannot be written: no space, no permission, or something else is in its place."""
