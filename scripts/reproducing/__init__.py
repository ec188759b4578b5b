"""Parts of ``make reproduce``: what a grid needs, and what it will take."""
