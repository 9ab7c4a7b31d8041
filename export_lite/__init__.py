"""From a checkpoint to the files that devices run: one module for each format, and the comparison of all of them."""
