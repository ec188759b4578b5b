"""Intervals and paired differences."""
