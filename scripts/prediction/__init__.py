"""A trained head on new photographs: ``scripts.predict`` is the command."""
