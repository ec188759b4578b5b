"""An extraction: settings to recipes, then plan, decode, extract, commit; in this process or by Dask."""
