"""Corpora in the forms of other people's tools: recognised, read and written. One module a family of formats."""
