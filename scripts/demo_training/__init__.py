"""How the demo's small networks are trained on drawn scenes; none of it sees an emotion label."""
