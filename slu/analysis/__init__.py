"""What a model gets wrong, why, and which training lines are to blame (`slu analyze`)."""
