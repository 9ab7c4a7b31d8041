"""How good a model is: measures, reliability, noise, rejection, unseen names."""
