"""Trained weights: where they come from, how they are fetched and checked, how they fill a network."""
