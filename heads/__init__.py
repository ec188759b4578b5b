"""Cache to models and numbers."""
