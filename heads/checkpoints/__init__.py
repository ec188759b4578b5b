"""A trained head on disk: its weights, its scales, and what it says of itself."""
