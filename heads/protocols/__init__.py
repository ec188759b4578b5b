"""One protocol per file: how a labelled store becomes training, validation and test."""
