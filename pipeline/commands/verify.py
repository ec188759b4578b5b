"""``verify``: every byte of a dataset's shards against the digests that were written with them, and with ``--sample``
the rows of some images against what is extracted from them now.
"""

import argparse

from cache.verify import verify
from pipeline.commands._told import where


def run(options: argparse.Namespace) -> int:
    """Say what is damaged, a line each, and how much was checked. Returns 1 when something is. Raises: AffectError."""
    sizes: list[int] = []
    findings = list(verify(options.store, options.dataset, sizes.append))
    for finding in findings:
        print(f"{finding.path}: {finding.problem}")
    verdict = "all sound" if not findings else f"{len(findings)} damaged. make repair {where(options)} mends it"
    print(f"{options.dataset}: {len(sizes)} shards, {sum(sizes) / 1e6:.1f} MB checked, {verdict}", flush=True)
    if findings and options.sample:
        print(f"{options.dataset}: SAMPLE={options.sample} waits until that is done")
    return 1 if findings else _sampled(options) if options.sample else 0


def _sampled(options: argparse.Namespace) -> int:
    from pipeline.commands._sample import check_sample  # bytes are checked also where nothing can be extracted

    return check_sample(options)
