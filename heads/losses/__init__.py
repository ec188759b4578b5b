"""One metric loss a file: ``SET="loss=multi_similarity"`` is heads/losses/multi_similarity.py."""
