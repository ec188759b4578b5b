"""``make test-plugins PLUGINS=mine``: the contract suites on the plug-ins of those folders, and on none of this
project's.

Those of installed packages are tried too. What a suite wants beside a plug-in lies in the folder's own
``tests/support``. Exit status 0 when they pass, 1 when not, 2 when there is nothing to try.
"""

import os
import subprocess
import sys
from pathlib import Path

from cache import plugin_folders
from cache.errors import AffectError

SUITES = {
    "heads.models": "test_heads.py",
    "heads.protocols": "test_protocols.py",
    "pipeline.stages": "test_stages.py",
    "pipeline.datasets": "test_datasets.py",
}
_HERE = Path(__file__).parent.parent


def main() -> int:
    """Returns the exit status."""
    try:
        found = plugin_folders.found()
    except AffectError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    names = {package: found.names(package) for package in SUITES}
    suites = [str(_HERE / "tests" / "contract" / SUITES[package]) for package, some in names.items() if some]
    if not suites:
        told = "no head, protocol, stage or dataset outside this project to try"
        sys.stderr.write(f"error: {told}. Give its folder: PLUGINS=<folder>\n")
        return 2
    if not (_HERE / "tests").is_dir():
        sys.stderr.write(f"error: {_HERE / 'tests'}: not there. The suites are in the repository: run it in a clone\n")
        return 2
    print(f"trying {', '.join(name for some in names.values() for name in some)}", flush=True)
    support = [str(one.path / "tests" / "support") for one in found.folders]
    paths = os.pathsep.join([*support, *filter(None, [os.environ.get("PYTHONPATH")])])
    own = os.environ | {"PYTHONPATH": paths, plugin_folders.VARIABLE: plugin_folders.absolute()}
    words = [sys.executable, "-m", "pytest", "--outside", "-m", "not gpu and not weights", *suites]
    return subprocess.run(words, cwd=_HERE, env=own, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
