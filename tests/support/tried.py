"""Which plug-ins a contract suite is run on."""

from cache import plugin_folders, plugins


def tried(package: str) -> list[str]:
    """Those outside this project where there are any, else its own: see ``tests/conftest.py``."""
    outside = plugin_folders.found()
    return outside.names(package) if outside.modules else plugins.names(package)
