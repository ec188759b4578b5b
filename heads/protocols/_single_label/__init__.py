"""Private parts of the single-label protocol."""
