"""What make says of wrong variables, and when it installs: in a copy of the Makefile, with a Python that only notes
what it is asked for."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = (f"PY={sys.executable}", "--assume-old=.venv/.installed", "--just-print")
FAKE = """#!/bin/sh
case "$*" in
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
esac
echo "$*" >> "{log}"
case "$*" in *" -e "*) test ! -e "{stop}" ;; esac
"""


def make(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Of a make that runs these tests it inherits nothing."""
    own = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(["make", *words], cwd=folder, env=own | more, capture_output=True, text=True, check=False)


def refused(*words: str, **more: str) -> str:
    """The one line of an error; nothing is run."""
    done = make(ROOT, *words, *OURS, **more)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_variable_that_no_recipe_reads_is_an_error_with_the_nearest_word() -> None:
    assert "no variable head. Did you mean HEAD?" in refused("train", "head=i_dml")
    assert "no variable SEED. Did you mean SEEDS?" in refused("train", "SEED=3")
    assert "no variable SEED. Did you mean SEEDS?" in refused("train", MAKEFLAGS="SEED=3")
    told = refused("help", "name=a b", "qwzx=$$1 'c' \"d\"")
    assert "no variable name. Did you mean NAME?" in told
    assert "no variable qwzx. Known: ALLOW_FAILED, " in told
    assert "no variable q. " in refused("train", "q=3")


def test_what_every_recipe_gets_from_its_environment_is_known() -> None:
    """``export``ed: no recipe's text reads it."""
    done = make(ROOT, "train", "PLUGINS=tests", "TRACEBACK=1", *OURS)
    assert (done.returncode, done.stderr) == (0, "")


def test_variables_are_looked_at_from_other_folders_too(tmp_path: Path) -> None:
    done = make(tmp_path, f"--file={ROOT / 'Makefile'}", "train", "SEED=3", "EPOCHS=3", *OURS)
    assert done.returncode == 2
    assert "no variable SEED. Did you mean SEEDS?" in done.stderr
    assert 'SET="epochs=3"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_of_training_is_told_its_place() -> None:
    assert 'epochs is a setting of training: SET="epochs=3"' in refused("train", "EPOCHS=3")
    assert 'SET="lr=1e-3"' in refused("train", "lr=1e-3")
    assert 'SET="hidden=64"' in refused("train", "hiden=64")  # a head's own


def test_a_head_that_nobody_names_is_no_head_that_is_asked_for() -> None:
    assert "--head" not in make(ROOT, "predict", "IMAGE=a.jpg", *OURS).stdout
    assert "--head 'i_dml'" in make(ROOT, "predict", "IMAGE=a.jpg", "HEAD=i_dml", *OURS).stdout
    assert "--head 'sem_ib_dml'" in make(ROOT, "train", *OURS).stdout


def test_known_words_pass_whatever_their_value() -> None:
    value = 'a\'b "c" $$d # e=f'
    done = make(ROOT, "train", "HEAD=i_dml", f"SET={value}", "V=1", "SHELL=/bin/sh", "MAKEFLAGS=-k", *OURS)
    assert (done.returncode, done.stderr) == (0, "")
    assert value.replace("$$", "$") in shlex.split(done.stdout)
    assert make(ROOT, "train", *OURS, SEED="3", head="x").stderr == ""  # the environment's are another program's


def test_a_known_variable_that_the_goal_does_not_read_is_told() -> None:
    done = make(ROOT, "train", "IMAGE=x", "MAPPING=m", *OURS)
    assert done.stderr == "note: make train does not read IMAGE. Read by: make weights, make predict, make explain\n"
    assert done.returncode == 0
    assert make(ROOT, "verify", "predict", "IMAGE=x", "WEIGHTS=w", "DATASET=d", *OURS).stderr == ""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A bare clone: the Makefile, what is installed from, and a Python that notes its calls in ``calls``."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    fake = tmp_path / "python"
    fake.write_text(FAKE.format(log=tmp_path / "calls", stop=tmp_path / "stop"))
    fake.chmod(0o755)
    return tmp_path


def test_variables_that_cannot_be_checked_stop_make_and_a_half_written_head_does_not_hinder(clone: Path) -> None:
    """As make would go on with the defaults."""
    assert make(clone, "help", "SEEDS=3", PYTHON="true").returncode == 0
    done = make(clone, "help", "SEEDS=3", PYTHON="false")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the variables cannot be checked: false failed" in done.stderr
    (clone / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "make_words.py", clone / "scripts")
    (clone / "heads" / "models").mkdir(parents=True)
    for number, text in enumerate((b"x = (", b"x = '\xff'", b"\0")):
        (clone / "heads" / "models" / f"torn_{number}.py").write_bytes(text)
    done = make(clone, "train", "head=i_dml", PYTHON=sys.executable)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert "no variable head. Did you mean HEAD?" in done.stderr


def install(clone: Path) -> list[str]:
    """What Python was asked for by ``make install``, without looks at pip's version."""
    (clone / "calls").unlink(missing_ok=True)
    make(clone, "install", PYTHON=str(clone / "python"))
    lines = (clone / "calls").read_text().splitlines() if (clone / "calls").exists() else []
    return [line for line in lines if line != "-m pip --version"]


def test_what_is_installed_is_known_by_content_not_by_times(clone: Path) -> None:
    venv, packages, mmpose = install(clone)
    assert venv == "-m venv .venv"
    assert packages.endswith("-c constraints.txt -e .[dev]")
    assert mmpose.endswith("--no-deps mmpose")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        os.utime(clone / name, (4e9, 4e9))
    assert install(clone) == []
    os.utime(clone / ".venv" / ".installed", (0, 0))
    assert install(clone) == []
    for name, more in (("pyproject.toml", "# x\n"), ("constraints.txt", "x==1\n"), ("Makefile", "\t@echo more\n")):
        text = (clone / name).read_text()
        (clone / name).write_text(text + more)
        os.utime(clone / name, (0, 0))
        assert install(clone) == [packages, mmpose], name
        assert install(clone) == []


def test_a_half_done_installation_begins_again_also_of_what_was_there_before(clone: Path) -> None:
    whole = install(clone)
    before = (clone / "pyproject.toml").read_text()
    (clone / "pyproject.toml").write_text(before + "# new\n")
    (clone / "stop").touch()
    assert install(clone) == whole[1:2]  # ended in the middle
    (clone / "pyproject.toml").write_text(before)
    assert install(clone) == whole[1:2]
    (clone / "stop").unlink()
    assert install(clone) == whole[1:]
    assert install(clone) == []


def test_a_linked_environment_is_never_touched(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "bin").mkdir()
    shutil.copy(clone / "python", other / "bin" / "python")
    (clone / ".venv").symlink_to(other)
    done = make(clone, "install", PYTHON=str(clone / "python"))
    assert done.returncode == 0
    assert done.stderr.startswith("note: .venv is a link and was not installed from these pyproject.toml")
    assert not (clone / "calls").exists()
    assert sorted(path.name for path in other.rglob("*")) == ["bin", "python"]
    (other / "bin" / "python").unlink()
    done = make(clone, "install", PYTHON=str(clone / "python"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: .venv is a link to a folder without bin/python")
