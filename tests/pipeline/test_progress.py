"""Lines of progress, at given times."""

import io

import pytest

from pipeline.progress import Progress, Transfer, volume


def test_images_and_the_time_left_by_those_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first 20 images after 50 s, for networks are loaded before; 20 more in 10 s, so 60 take 30 s."""
    clock = iter([0.0, 50.0, 60.0])
    monkeypatch.setattr("pipeline.progress.time.monotonic", lambda: next(clock))
    progress = Progress("extract demo", 100, io.StringIO())
    progress.step(20, 3)
    assert progress.line(50) == "extract demo: 20/100 images, 0.4/s, 3 failed"
    progress.step(20, 0)
    assert progress.line(60) == "extract demo: 40/100 images, 0.7/s, 30 s left, 3 failed"


def test_a_transfer_counts_its_rate_over_what_came_now() -> None:
    transfer = Transfer("net.pth", 60_000_000, 100_000_000, io.StringIO())
    start = transfer._ticker.start
    assert transfer.line(start + 1) == "net.pth: 60.0 MB of 100.0 MB, 0 B/s, waiting"
    transfer.step(20_000_000)
    assert transfer.line(start + 10) == "net.pth: 80.0 MB of 100.0 MB, 2.0 MB/s, 10 s left"
    transfer.step(20_000_000)
    assert transfer.line(start + 20) == "net.pth: 100.0 MB of 100.0 MB, 2.0 MB/s, in 20 s"


def test_a_length_that_is_not_told() -> None:
    transfer = Transfer("net.pth", 0, None, io.StringIO())
    transfer.step(5000)
    assert transfer.line(transfer._ticker.start + 5) == "net.pth: 5.0 kB, 1.0 kB/s, in 5 s"


@pytest.mark.parametrize(("count", "words"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (102_530_333, "102.5 MB")])
def test_volumes(count: float, words: str) -> None:
    assert volume(count) == words


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_that_is_written_over() -> None:
    out = Terminal()
    transfer = Transfer("net.pth", 0, 2000, out)
    transfer._ticker._shown -= 1
    transfer.step(1000)
    transfer.step(1000)
    transfer.close()
    assert out.getvalue().count("\r\x1b[2K") == 2
    assert out.getvalue().count("\n") == 1
