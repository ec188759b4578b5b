"""Documents as Markdown, CSV and LaTeX."""
