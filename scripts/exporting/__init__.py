"""A store's rows in other programs' forms."""
