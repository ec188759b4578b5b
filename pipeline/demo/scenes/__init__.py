"""The drawn scenes of the demo: people in places, in EMOTIC's own layout, with exact ADE20K label maps.

`design` says how an emotion class shows in place, posture and surroundings; `plan` draws layout and annotations;
`render` paints (`scene(seed, index)`); `write` puts all of it on disk.
"""
