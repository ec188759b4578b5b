"""How a command ends: its exit status, and one line for what a user can mend."""

import os
import sys
from collections.abc import Callable

from cache.errors import AffectError
from cache.plugin_faults import fault


def ended(run: Callable[[], int], interrupted: str) -> int:
    """The exit status: what ``run`` returns; 2 for an error that one line on stderr explains, a plug-in's own too; 130
    for an interrupt, told as ``interrupted``; 141 without a reader. Every other exception is raised."""
    try:
        status = run()
        sys.stdout.flush()
        return status
    except AffectError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"{interrupted}\n")
        return 130
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit must not complain again
        return 141
    except Exception as error:
        if raised := fault(error):
            sys.stderr.write(f"error: {raised}\n")
            return 2
        raise
