"""One file per dataset; the file name is the word on the command line."""
