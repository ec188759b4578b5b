"""Each network's own project: the path its users take, with the same weights and photographs as ours. One file a
project.
"""
