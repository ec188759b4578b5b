"""The drawn clips of the demo: people who move in places, in BoLD's own layout, labelled by three separate causes.

`causes` says which category comes of looks, motion or the order of gestures; `plan` draws clips and annotations;
`movement` says where a joint is at each frame; `render` paints the frames; `track` is what a pose estimator would have
found; `write` puts all of it on disk.
"""
