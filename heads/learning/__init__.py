"""How batched models train; knows no dataset, no protocol, no file."""
