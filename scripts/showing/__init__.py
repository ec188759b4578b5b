"""People of a dataset as the pipeline saw them, on a page that needs no server."""
