"""What heads, losses and miners are built of: layers of many seeds at once, distances, reductions."""
