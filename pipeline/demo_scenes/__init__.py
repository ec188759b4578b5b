"""The drawn scenes of the demo: people in places, with exact ADE20K label maps."""
