"""``python -m heads``."""

import sys

from heads.cli import main

if __name__ == "__main__":
    sys.exit(main())
