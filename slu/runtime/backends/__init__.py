"""One module an engine that computes logits, or answers, from a model's files."""
