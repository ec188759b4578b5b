"""Optical flow by name: where each pixel of a frame goes to in another."""
