"""Pixels to cache: datasets, stages and the runner."""
