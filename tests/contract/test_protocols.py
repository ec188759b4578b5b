"""One suite over every protocol: words, disjoint parts, trials inside them, scores that repeat, what is written of it,
what a checkpoint keeps, and a table from training to its page."""

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import protocol_case
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from toy_features import CATEGORIES, make_store, manifest_of
from tried import tried

from cache import plugin_folders
from cache.config import build
from cache.errors import AffectError, ConfigError, TooLittleData, UnknownName
from cache.manifest import OK, Manifest, Row
from cache.store import Store
from heads import cli, known_protocols
from heads.checkpoints import checkpoint
from heads.commands._grids import ablate
from heads.drawing import Bars, Matrix, Ordered, Points
from heads.experiments import finished
from heads.experiments.bench import check
from heads.experiments.evaluate import csv_text, evaluate
from heads.experiments.grid import Grid, cell
from heads.experiments.place import Place
from heads.experiments.runs import slug
from heads.head import BOXES, CLASS, DIMENSIONS, FLAGS, PEOPLE_FLAGS, Output
from heads.known_protocols import find
from heads.protocol import Answer, Protocol
from heads.task import PARTS, Task
from heads.trial import Fitted, Resamples, Scores, Trial

KINDS = tried(known_protocols.PACKAGE)
SEEDS = 2


@pytest.fixture(autouse=True, scope="module")
def heads_of_the_cases() -> Iterator[None]:
    """Heads that are not shipped, beside whatever is outside already."""
    before = plugin_folders.absolute()
    folders = {str(folder): None for kind in KINDS if (folder := protocol_case.case(kind).plugins)}
    plugin_folders.use(":".join([*filter(None, [before]), *folders]))
    yield
    plugin_folders.use(before)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclasses.dataclass(frozen=True)
class Ground:
    """A protocol on its small case."""

    protocol: Protocol
    manifest: Manifest
    task: Task
    settings: Any
    other: Any

    def trials(self) -> dict[str, Trial]:
        return {
            "val": self.protocol.validation(self.task, self.settings),
            "test": self.protocol.test(self.task, self.settings),
        }


@cache
def ground_of(kind: str) -> Ground:
    case = protocol_case.case(kind)
    found, manifest = find(case.word), manifest_of(list(case.rows))
    settings, other = (build(found.Config, dict(values), "case") for values in (case.settings, case.other))
    return Ground(found, manifest, found.task(manifest), settings, other)


@pytest.fixture
def ground(kind: str) -> Ground:
    return ground_of(kind)


def output_of(ground: Ground, trial: Trial, make: Callable[[torch.Tensor], torch.Tensor]) -> Output:
    """What a head might make of a trial's people. make: (S, n, ...) of what is right, (n, ...), 0 or 1 of each
    class."""
    task = ground.task
    if BOXES in task.targets:
        return of_people(task, trial.rows, make)
    right = np.eye(len(task.classes))[task.labels] if CLASS in task.targets else task.targets[FLAGS]
    every = make(torch.as_tensor(np.asarray(right)[trial.rows], dtype=torch.float32))
    logits = every[:, :, : task.sizes[CLASS]] if CLASS in task.targets else every * 50 - 25
    known = task.targets.get(DIMENSIONS)
    told = None if known is None else make(torch.as_tensor(known[trial.rows]).nan_to_num(0.5)).clamp(0, 1)
    return Output(every, logits, told)


def of_people(task: Task, rows: Any, make: Callable[[torch.Tensor], torch.Tensor]) -> Output:
    """What is made of the people of images: of where they are a fifth of what is amiss with it."""
    boxes, flags = (torch.as_tensor(np.asarray(task.targets[kind])[rows]) for kind in (BOXES, PEOPLE_FLAGS))
    there = ~boxes[..., :1].isnan()
    logits = make(flags.flatten(1)).unflatten(2, flags.shape[1:]) * 50 - 25
    right = torch.cat([boxes.nan_to_num(), there.float()], 2)
    made = right + (make(right.flatten(1)).unflatten(2, right.shape[1:]) - right) / 5
    cost = (logits.sigmoid() - flags).abs().sum((2, 3))[..., None]
    people = logits.where(there, torch.nan)
    return Output(people=people, found=torch.cat([made.clamp(0, 1), logits], 3), cost=cost)


def perfect(right: torch.Tensor) -> torch.Tensor:
    return right.expand(SEEDS, -1, -1)


def guessed(seed: int = 0, seeds: int = SEEDS) -> Callable[[torch.Tensor], torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return lambda right: torch.randn(seeds, *right.shape, generator=draw)


def fitted_by(ground: Ground, make: Callable[[torch.Tensor], torch.Tensor]) -> Fitted:
    """What the protocol fits on validation people of whom the same is made."""
    trial = ground.trials()["val"]
    found = ground.protocol.fitted(ground.task, trial, output_of(ground, trial, make), ground.settings)
    assert set(found) == ground.protocol.fits
    return found


def same(one: Mapping[str, Scores], other: Mapping[str, Scores]) -> bool:
    return list(one) == list(other) and all(
        np.array_equal(one[name].seeds, other[name].seeds)
        and np.array_equal(one[name].resampled, other[name].resampled)
        and same(one[name].classes, other[name].classes)
        for name in one
    )


def test_every_protocol_has_a_small_form() -> None:
    for kind in KINDS:
        protocol_case.case(kind)
    with pytest.raises(LookupError, match=r"'another' is not in the contract suite: write tests/support/another_"):
        protocol_case.case("another")


def test_no_two_protocols_share_a_word() -> None:
    words = [word for kind in KINDS for word in known_protocols.load(kind).words(None)]
    assert len(set(words)) == len(words)
    assert len({slug(word) for word in words}) == len(words)


def test_every_word_is_found_and_makes_its_protocol(kind: str) -> None:
    words = known_protocols.load(kind).words(None)
    assert words
    for word in words:
        assert word
        assert word.isprintable()
        found = find(word)
        assert (found.kind, found.name) == (kind, word)
        assert type(found) is known_protocols.load(kind)


def test_another_word_is_one_line_with_the_nearest(kind: str) -> None:
    word = known_protocols.load(kind).words(None)[0]
    with pytest.raises(UnknownName) as caught:
        find(word[:-1] + "~")
    assert str(caught.value).startswith(f"no protocol {word[:-1] + '~'!r}. Did you mean {word!r}? Known: ")
    assert "\n" not in str(caught.value)


def test_what_it_says_of_itself(kind: str, ground: Ground) -> None:
    found = ground.protocol
    assert type(found).__doc__
    assert found.learns
    assert found.asks
    assert found.asks <= set(Output._fields)
    assert found.measuring <= set(found.Config.model_fields)
    assert isinstance(found.resamples, Resamples)
    assert found.over
    metrics = found.metrics(ground.settings)
    assert metrics
    for metric in metrics.values():
        assert metric.title
        assert metric.better in ("higher", "lower")


def test_parts_are_disjoint_rows_of_the_manifest(ground: Ground) -> None:
    parts = {part: getattr(ground.task, part) for part in PARTS}
    for rows in parts.values():
        assert rows.dtype == np.int64
        assert len(rows)
        assert len(np.unique(rows)) == len(rows)
        assert 0 <= rows.min() <= rows.max() < len(ground.manifest)
    assert not set(parts["train"].tolist()) & set(parts["val"].tolist())
    assert not set(parts["train"].tolist()) & set(parts["test"].tolist())
    assert not set(parts["val"].tolist()) & set(parts["test"].tolist())


def test_nobody_of_the_val_and_test_splits_is_trained_on(ground: Ground) -> None:
    assert {ground.manifest.splits[row] for row in ground.task.train} == {"train"}
    assert {ground.manifest.splits[row] for row in ground.task.val} == {"val"}


def test_targets_are_of_all_rows_and_what_is_learned_is_within_its_size(ground: Ground) -> None:
    task = ground.task
    assert set(task.targets) == set(task.sizes) >= ground.protocol.learns
    assert all(len(values) == len(ground.manifest) for values in task.targets.values())
    assert all(size > 0 for size in task.sizes.values())
    if CLASS in task.targets:
        assert len(set(task.classes)) == len(task.classes) >= task.sizes[CLASS]
        for rows in (task.train, task.val):
            assert set(task.labels[rows].tolist()) <= set(range(task.sizes[CLASS]))
        assert task.labels[task.test].min() >= 0
        assert task.labels.max() < len(task.classes)
    assert (task.dataset, task.protocol) == (ground.manifest.dataset, ground.protocol.name)


def test_people_of_one_image_have_its_number(ground: Ground) -> None:
    numbers: dict[str, set[int]] = {}
    for name, number in zip(ground.manifest.images, ground.task.images.tolist(), strict=True):
        numbers.setdefault(name, set()).add(number)
    assert all(len(found) == 1 for found in numbers.values())
    assert len(set.union(*numbers.values())) == len(numbers)


def test_only_usable_people_have_a_part(kind: str) -> None:
    case = protocol_case.case(kind)
    found, rows = find(case.word), list(case.rows)
    whole = found.task(manifest_of(rows))
    spoilt = {rows[part[len(part) // 2]].image for part in (whole.train, whole.val, whole.test)}
    statuses = [dataclasses.replace(row, status="no_label", reason="planted") for row in rows]
    manifest = manifest_of([statuses[at] if row.image in spoilt else row for at, row in enumerate(rows)])
    task = found.task(manifest)
    for part in PARTS:
        left = [row for row in getattr(whole, part).tolist() if rows[row].image not in spoilt]
        assert getattr(task, part).tolist() == left
        assert {manifest.statuses[row] for row in getattr(task, part)} == {OK}


def test_a_dataset_without_any_label_is_refused_in_one_line(kind: str) -> None:
    case = protocol_case.case(kind)
    bare = [dataclasses.replace(row, categories=(), vad=(np.nan,) * 3, scores=()) for row in case.rows]
    manifest = Manifest.from_rows(bare, dataset="bare", release="toy", category_names=[], source="toy")
    assert known_protocols.load(kind).mapped(manifest, None) is None
    for word in known_protocols.load(kind).words(None):
        with pytest.raises(ConfigError, match=r"^bare: ") as caught:
            find(word).task(manifest)
        assert "\n" not in str(caught.value)


def test_the_mapping_tells_of_its_word_and_every_class(ground: Ground) -> None:
    told = type(ground.protocol).mapped(ground.manifest, None)
    assert told
    assert ground.protocol.name in told
    assert all(name in told for name in ground.task.classes)


def test_enough_people_have_no_fault_and_too_few_are_told_with_numbers(kind: str, ground: Ground) -> None:
    assert ground.protocol.faults(ground.manifest, ground.task, ground.settings) == []
    few = manifest_of(list(protocol_case.case(kind).few))
    task = ground.protocol.task(few)
    faults = ground.protocol.faults(few, task, ground.settings)
    assert faults
    assert re.search(r"\d", faults[0])
    one = cell(protocol_case.case(kind).heads[1], ground.protocol, dict(protocol_case.case(kind).settings))
    with pytest.raises(TooLittleData) as caught:
        check(ground.protocol, few, task, one)
    assert all(fault in str(caught.value) for fault in faults)
    assert "\n" not in str(caught.value)


def test_trials_are_of_the_tasks_people(ground: Ground) -> None:
    for part, trial in ground.trials().items():
        rows = trial.rows.tolist()
        assert rows
        assert len(set(rows)) == len(rows)
        assert set(rows) <= set(getattr(ground.task, part).tolist())
    assert set(ground.trials()["test"].rows.tolist()) == set(ground.task.test.tolist())


@pytest.mark.parametrize("part", ["val", "test"])
def test_scores_have_their_shapes_and_bounds_and_repeat(ground: Ground, part: str) -> None:
    trial, again = ground.trials()[part], ground.trials()[part]
    output, fitted = output_of(ground, trial, guessed()), fitted_by(ground, guessed(1))
    found = trial.scores(output, fitted)
    assert list(found) == list(ground.protocol.metrics(ground.settings))
    for one in found.values():
        assert one.seeds.shape == (SEEDS,)
        assert one.resampled.shape == (SEEDS, one.resampled.shape[1])
        assert one.resampled.shape[1] > 1
        assert np.isfinite(one.seeds).all()
        assert np.isfinite(one.resampled).all()
        assert one.resampled.std(1).min() > 0
        if ground.protocol.resamples is Resamples.DRAWS:
            np.testing.assert_allclose(one.seeds, one.resampled.mean(1))
    for name, metric in ground.protocol.metrics(ground.settings).items():
        least, most = metric.bounds
        assert least <= min(found[name].seeds.min(), found[name].resampled.min())
        assert max(found[name].seeds.max(), found[name].resampled.max()) <= most
    assert same(found, trial.scores(output, fitted))
    assert same(found, again.scores(output, fitted))
    assert trial.score(output).shape == (SEEDS,)
    np.testing.assert_array_equal(trial.score(output), again.score(output))


@pytest.mark.parametrize("part", ["val", "test"])
def test_what_is_always_right_has_the_best_score_and_a_better_one_than_a_guess(ground: Ground, part: str) -> None:
    trial = ground.trials()[part]
    right, fitted = output_of(ground, trial, perfect), fitted_by(ground, perfect)
    for name, metric in ground.protocol.metrics(ground.settings).items():
        one, best = trial.scores(right, fitted)[name], metric.bounds[metric.better == "higher"]
        np.testing.assert_allclose(one.seeds, best, atol=1e-12)
        np.testing.assert_allclose(one.resampled, best, atol=1e-12)
    assert (trial.score(right) > trial.score(output_of(ground, trial, guessed()))).all()


def test_guessing_scores_what_its_level_says(kind: str, ground: Ground) -> None:
    trial, seeds = ground.trials()["test"], 60
    found = trial.scores(output_of(ground, trial, guessed(1, seeds)), fitted_by(ground, guessed(2, seeds)))
    levels = ground.protocol.levels(ground.manifest, ground.task, ground.settings)
    level, some = protocol_case.case(kind).guess
    chance = next(one for one in levels if one.name == level)
    known = set(chance.values) & set(found) & set(found if some is None else some)
    assert known
    for name in known:
        assert found[name].seeds.mean() == pytest.approx(chance.values[name], abs=0.03)
    for one in levels:
        assert one.title
        known = ground.protocol.metrics(ground.settings)
        assert all(known[name].bounds[0] <= value < 1 for name, value in one.values.items())


def test_two_heads_with_the_same_people_were_scored_on_the_same(ground: Ground) -> None:
    for part in ("val", "test"):
        first, second = (ground.trials()[part].scored_on() for _ in range(2))
        assert first == second == json.loads(json.dumps(first))
    otherwise = ground.protocol.test(ground.task, ground.other).scored_on()
    assert ground.trials()["test"].scored_on() != otherwise


def test_judged_are_the_scores_and_drawings_that_fit_them(ground: Ground) -> None:
    trial = ground.trials()["test"]
    output, fitted = output_of(ground, trial, guessed()), fitted_by(ground, guessed(1))
    scores, drawings = trial.judged(output, fitted)
    assert same(scores, trial.scores(output, fitted))
    assert len({one.title for one in drawings}) == len(drawings)
    resamples = next(iter(scores.values())).resampled.shape[1]
    for one in drawings:
        assert one.title
        assert one.told
        if isinstance(one, Bars):
            for seeds, resampled in one.values.values():
                assert (seeds.shape, resampled.shape) == ((SEEDS,), (SEEDS, resamples))
                assert min(seeds.min(), resampled.min()) >= 0
                assert max(seeds.max(), resampled.max()) <= 1
        elif isinstance(one, Matrix):
            assert one.shares.shape == (len(one.names),) * 2
            np.testing.assert_allclose(one.shares.sum(1), 1)
        elif isinstance(one, Ordered):
            for values in one.values.values():
                assert values.shape[0] == SEEDS
                assert 1 <= values.shape[1] <= len(trial.rows)
                assert np.isfinite(values).all()
        elif isinstance(one, Points):
            assert len(one.vectors) == len(one.labels) == len(trial.rows)
            assert set(one.labels.tolist()) <= set(range(len(one.names)))
            names = [ground.protocol.truth(ground.task, row) for row in trial.rows.tolist()]
            assert all(one.names[label] in name.split(", ") for label, name in zip(one.labels, names, strict=True))


def test_what_results_json_tells_of_the_task(ground: Ground) -> None:
    told = ground.protocol.described(ground.manifest, ground.task)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert {"about", "caption", "notes", "labels"} <= set(told)
    assert all(isinstance(told[key], str) for key in ("about", "caption"))
    assert told["caption"]
    assert all(isinstance(line, str) and line for line in told["notes"])
    labels = told["labels"]
    assert labels["columns"]
    assert len(labels["rows"]) == len(ground.task.classes)
    assert [row[0] for row in labels["rows"]] == list(ground.task.classes)
    for row in labels["rows"]:
        assert len(row) == len(labels["columns"])
        assert all(isinstance(word, str) for word in row)
    assert all(isinstance(line, str) for line in labels["notes"])
    beside = {"dataset", "release", "protocol", "kind", "metrics", "levels", "over", "validation", "people", "rows"}
    assert not beside & set(told), "these are the document's own"


def test_it_agrees_with_itself_as_a_checkpoint_keeps_it(ground: Ground) -> None:
    about = dict(ground.task.about)
    assert json.loads(json.dumps(about)) == about
    assert ground.protocol.agree(about) is None


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder for each protocol with a store and a grid of its heads, trained once."""

    @cache
    def made(kind: str) -> Path:
        case, root = protocol_case.case(kind), tmp_path_factory.mktemp(kind)
        lost = int(ground_of(kind).task.train[0])
        store = make_store(root / "store", list(case.rows), features=[case.feature], missing={case.feature: [lost]})
        place = Place(store, "demo", root / "runs", seeds=SEEDS)
        grid = Grid(heads=case.heads, protocols=(case.word,), reference=case.heads[0])
        ablate(place, grid, {**case.training, **case.settings}, "demo", lambda *_: None)
        return root

    return made


@pytest.fixture
def root(kind: str, stores: Callable[[str], Path]) -> Path:
    return stores(kind)


@pytest.mark.parametrize("which", [0, 1])
def test_a_checkpoint_scores_again_what_the_table_says_and_answers_for_everybody(
    which: int, kind: str, root: Path
) -> None:
    head = protocol_case.case(kind).heads[which]
    path, store = root / "runs" / "demo" / f"{head}.safetensors", Store(root / "store")
    found = evaluate(path, store)
    rows = json.loads((path.parent / "results.json").read_text())["rows"]
    assert found.metrics == next(row["metrics"] for row in rows if row["name"] == head)
    answers = found.answers()
    assert answers
    assert len({one.title for one in answers}) == len(answers)
    for answer in answers:
        assert answer.shares.shape == (len(found.trial.rows), len(answer.names))
        assert set(answer.names) <= set(found.task.classes) or answer.title == DIMENSIONS
        check_shares(answer)
    lines = csv_text(found).splitlines()
    assert len(lines) == 1 + len(found.trial.rows)
    truths = {found.protocol.truth(found.task, row) for row in found.trial.rows.tolist()}
    assert {name for truth in truths for name in truth.split(", ")} <= set(found.task.classes)


def check_shares(answer: Answer) -> None:
    """Of one of the names, or of each for itself."""
    assert (answer.shares >= 0).all()
    if answer.named is None:
        torch.testing.assert_close(answer.shares.sum(1), torch.ones(len(answer.shares)), rtol=0, atol=1e-4)
    else:
        assert (answer.shares <= 1).all()
        assert (answer.named.dtype, answer.named.shape) == (torch.bool, answer.shares.shape)


def test_a_checkpoint_answers_for_people_of_no_dataset(kind: str, root: Path) -> None:
    loaded = checkpoint.load(root / "runs" / "demo" / f"{protocol_case.case(kind).heads[1]}.safetensors")
    features = {name: torch.randn(5, loaded.about["widths"][name]) for name in loaded.head.inputs}
    for answer in loaded.answers(features, np.arange(10_000, 10_005)):
        assert answer.shares.shape == (5, len(answer.names))
        check_shares(answer)


def parts(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["affect-cache"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_whatever_it_keeps_in_a_checkpoint_is_checked(kind: str, root: Path, tmp_path: Path) -> None:
    """Every tensor and every word that is the protocol's own, taken away or of another kind, and one that is not."""
    whole, store = root / "runs" / "demo" / f"{protocol_case.case(kind).heads[1]}.safetensors", Store(root / "store")
    about, tensors = parts(whole)
    memory = [name for name in tensors if name.startswith("memory.")]
    spoilt = [(about, {key: x for key, x in tensors.items() if key != name}) for name in memory]
    spoilt += [(about, tensors | {name: tensors[name][:0].contiguous()}) for name in memory]
    task = about["task"]
    spoilt += [({**about, "task": {key: x for key, x in task.items() if key != word}}, tensors) for word in task]
    spoilt += [({**about, "task": task | {word: {"x": []}}}, tensors) for word in task]
    spoilt += [] if memory else [(about, tensors | {"memory.x": torch.ones(1)})]
    assert spoilt
    path = tmp_path / whole.name
    for words, kept in spoilt:
        save_file(kept, path, {"affect-cache": json.dumps(words)})
        with pytest.raises(AffectError) as caught:
            evaluate(path, store).answers()
        assert "\n" not in str(caught.value)


def test_its_table_is_printed_drawn_and_compared(
    kind: str, root: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    places = ["--runs", str(root / "runs"), "--store", str(root / "store"), "--threads", "1"]
    assert cli.main(["report", "--run", "demo", *places]) == 0
    out, err = capsys.readouterr()
    assert "left out" not in err
    metrics = ground_of(kind).protocol.metrics(ground_of(kind).settings)
    assert all(f"{one.title} {one.unit}".strip() + " [95 %]" in out for one in metrics.values())
    first, second = protocol_case.case(kind).heads
    page = (root / "runs" / "demo" / "report.html").read_text()
    titles = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    assert titles[0] == "Results"
    assert {"Training", "Labels", "Features", "Settings"} <= set(titles)
    assert all(name in page for name in ground_of(kind).task.classes)
    found = finished.compare(root / "runs", f"demo/{second}", f"demo/{first}")
    rows = {row["name"]: row for row in json.loads((root / "runs" / "demo" / "results.json").read_text())["rows"]}
    assert list(rows[second]["metrics"]) == list(metrics)
    without = [name for name in metrics if name not in rows[first]["metrics"]]
    line = next(line for line in out.splitlines() if line.startswith(f"| {first} "))
    assert (rows[first].get("lacking", []), line.count("| - ")) == (without, len(without))
    assert list(found) == [name for name in metrics if name in rows[first]["metrics"]]
    for name, apart in found.items():
        means = [rows[head]["metrics"][name]["mean"] for head in (second, first)]
        assert apart["mean"] == pytest.approx(means[0] - means[1])
        assert rows[second]["difference"][name].items() <= apart.items()
        assert apart["title"] == metrics[name].title
    assert [sum(rows[head]["left_out"].values()) for head in (first, second)] == [0, 1]


def test_what_is_fitted_on_validation_does_not_look_at_test_people(kind: str, root: Path, tmp_path: Path) -> None:
    """All test people have other labels, and nothing changes; all validation people have, and it does."""
    case, fits = protocol_case.case(kind), ground_of(kind).protocol.fits
    if not fits:
        pytest.skip("nothing is fitted")
    kept = []
    for split in ("", "test", "val"):
        rows = [relabelled(row) if row.split == split else row for row in case.rows]
        store = make_store(tmp_path / f"store{split}", rows, features=[case.feature], signal=0)
        grid = Grid(heads=case.heads[1:], protocols=(case.word,))
        settings = {**case.training, **case.settings, "epochs": 1}
        ablate(Place(store, "demo", tmp_path / f"runs{split}", seeds=SEEDS), grid, settings, "demo", lambda *_: None)
        tensors = parts(tmp_path / f"runs{split}" / "demo" / f"{case.heads[1]}.safetensors")[1]
        kept.append({name: tensors[f"memory.{name}"] for name in fits})
    for name in fits:
        torch.testing.assert_close(kept[0][name], kept[1][name], rtol=0, atol=0)
        assert not torch.equal(kept[0][name], kept[2][name])


def relabelled(row: Row) -> Row:
    """With two other categories of the case's first five."""
    others = [word for word in CATEGORIES[:5] if word not in row.categories]
    return dataclasses.replace(row, categories=tuple(others[:2]))


def test_categories_of_the_cases_are_the_toys() -> None:
    rows: list[Row] = [row for kind in KINDS for row in protocol_case.case(kind).rows]
    assert {word for row in rows for word in row.categories} <= set(CATEGORIES)
