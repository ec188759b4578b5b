"""results.json and summary.json: made of finished cells and the papers' numbers, checked when they are read."""
