"""The bench: how fast, how small and how right the exported models are, and the page that shows it."""
