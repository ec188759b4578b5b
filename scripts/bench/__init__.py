"""Benchmarks: each is run by its name and writes its numbers as JSON into bench/, beside the code."""
