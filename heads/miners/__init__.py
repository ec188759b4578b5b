"""One miner a file: ``SET="miner=batch_hard"`` is heads/miners/batch_hard.py."""
