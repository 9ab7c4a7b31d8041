"""Corpora in the forms that other people's tools write: recognised, read and written. One module a family of formats."""
