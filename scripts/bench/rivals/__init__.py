"""What a user would take instead, each as a program of its own that runs in any environment that has it.

``python <file> PHOTOS CHECKPOINT OUT [WORKERS]`` loads the model, says "ready", and for every line it reads extracts
all of PHOTOS into OUT and answers with the seconds that took.
"""
