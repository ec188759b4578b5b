"""One file per head; the file name is the word on the command line."""
