"""A cell: a head under a protocol, trained, judged, kept and resumed; and grids of them."""
