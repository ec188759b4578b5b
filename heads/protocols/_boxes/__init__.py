"""Private parts of the protocol of images with all their people."""
