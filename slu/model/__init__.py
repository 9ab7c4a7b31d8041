"""A model as data (configuration, tensors, checkpoint) and as a network."""
