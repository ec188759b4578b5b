"""Private parts of the one-shot protocol."""
