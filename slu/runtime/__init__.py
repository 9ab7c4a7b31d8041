"""Running a model: opening directories, the parser, and the engines behind it."""
