"""One file per stage; the file name is the word in a config."""
