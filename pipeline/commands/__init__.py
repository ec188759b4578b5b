"""The words of the command line, one file each: ``run`` takes the parsed options and returns the exit status."""
