"""Rows of the store as what a batch reads."""
