"""What a dataset is in numbers, and these as pictures and tables."""
