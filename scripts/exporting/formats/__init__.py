"""One file a form: its name is the word of FORMAT=, its ``write`` makes the files."""
