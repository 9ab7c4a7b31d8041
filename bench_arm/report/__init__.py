"""One self-contained HTML page of what a directory holds."""
