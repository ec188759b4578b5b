"""Private parts of the multi-label protocol."""
