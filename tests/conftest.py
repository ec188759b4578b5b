"""The tests are of what ships. With ``--outside``, contract suites are of the plug-ins outside this project alone."""

import os

import pytest

from cache import plugin_folders
from heads.cli import wait_briefly


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outside", action="store_true", help="try the plug-ins of PLUGINS, or of installed packages")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole demo first: of several processes (``-n auto``, a file to each) none must begin it last."""
    items.sort(key=lambda item: item.path.name != "test_demo.py")


def pytest_configure(config: pytest.Config) -> None:
    wait_briefly()  # nothing has loaded torch yet
    if processes := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):  # that share the cores
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // processes)))
    if not config.getoption("outside"):
        plugin_folders.entry_points = lambda **_: ()  # type: ignore[assignment]
        plugin_folders.use("")
