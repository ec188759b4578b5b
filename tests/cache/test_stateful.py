"""A store against a dictionary: extracting, killing, editing and retrying in any order give the right rows."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cache.errors import StoreError
from cache.feature import Feature
from cache.files import PARTIAL, sweep
from cache.layout import Layout
from cache.manifest import Manifest, Row
from cache.shard import Rows, write
from cache.spec import ArraySpec, Granularity, Status
from cache.store import Store
from cache.verify import verify

SPEC = {"value": ArraySpec((2,), "float32", "made up", missing=-1.0)}
SIZE = 3


class StoreMachine(RuleBasedStateMachine):
    """images: name -> box edge, what the annotation says. broken: names that cannot be read. setting: of the stage.

    written: (setting, shard number) -> the samples that its file was made of, as a dictionary model of the store.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.images: dict[str, int] = {}
        self.broken: set[str] = set()
        self.setting, self.count = 0, 0
        self.written: dict[tuple[int, int], list[tuple[str, int, bool]]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize(count=st.integers(1, 8))
    def begin(self, count: int) -> None:
        self.add(count)

    @rule(count=st.integers(1, 4))
    def add(self, count: int) -> None:
        for _ in range(count):
            self.images[f"{self.count}.jpg"] = 5
            self.count += 1
        self._annotate()

    @rule(pick=st.integers(0, 99))
    def remove(self, pick: int) -> None:
        if len(self.images) > 1:
            del self.images[sorted(self.images)[pick % len(self.images)]]
            self._annotate()

    @rule(pick=st.integers(0, 99))
    def rename(self, pick: int) -> None:
        name = list(self.images)[pick % len(self.images)]
        self.images = {f"new-{key}" if key == name else key: edge for key, edge in self.images.items()}
        self._annotate()

    @rule(pick=st.integers(0, 99), edge=st.integers(1, 9))
    def edit_box(self, pick: int, edge: int) -> None:
        self.images[list(self.images)[pick % len(self.images)]] = edge
        self._annotate()

    @rule(pick=st.integers(0, 99))
    def spoil_or_mend(self, pick: int) -> None:
        self.broken ^= {list(self.images)[pick % len(self.images)]}

    @rule(setting=st.integers(0, 2))
    def change_setting(self, setting: int) -> None:
        self.setting = setting

    @rule(shards=st.integers(0, 3), torn=st.booleans())
    def extract_until_killed(self, shards: int, torn: bool) -> None:
        self._extract(most=shards)
        if torn:
            (self._feature().folder / f"{PARTIAL}shard-00000.h5").write_bytes(b"half a shard")

    @rule()
    def extract(self) -> None:
        self._extract(most=10**6)
        feature = self._feature()
        assert feature.counts()["pending"] == 0
        assert not list(verify(self.folder, "d"))

    @rule()
    def retry(self) -> None:
        feature = self._feature()
        for block in feature.layout.blocks():
            header = feature.header(block)
            if header and "broken" in header.counts:
                self._write(feature, block.number)

    @invariant()
    def rows_are_the_models(self) -> None:
        if not self.images:
            return
        feature = self._feature()
        for block in feature.layout.blocks():
            keys = feature.layout.keys(block, Granularity.PERSON)
            made_of = self.written.get((self.setting, block.number))
            if made_of is None or [(name, edge) for name, edge, _ in made_of] != self._samples(block.images):
                self._must_be_refused(feature, keys)
                continue
            values, status = feature.read("value", keys[::-1])
            for (name, edge, broken), value, one in zip(made_of[::-1], values, status, strict=True):
                assert one == (Status.BROKEN if broken else Status.OK)
                assert value.tolist() == ([-1, -1] if broken else self._value(name, edge))

    @staticmethod
    def _must_be_refused(feature: Feature, keys: list[str]) -> None:
        try:
            feature.read("value", keys)
        except StoreError:
            return
        raise AssertionError("a row was read that nobody extracted for these samples")

    def _value(self, name: str, edge: int) -> list[float]:
        return [float(int(name.removesuffix(".jpg").rpartition("-")[2]) + 100 * self.setting), float(edge)]

    def _samples(self, names: tuple[str, ...]) -> list[tuple[str, int]]:
        return [(name, self.images[name]) for name in names]

    def _manifest(self) -> Manifest:
        rows = [
            Row(name, 0, "train", (0, 0, edge, 9), (0, 0, edge, 9), (10, 10), ("a",))
            for name, edge in self.images.items()
        ]
        names: dict[str, Any] = {"dataset": "d", "release": "r", "category_names": ("a",)}
        return Manifest.from_rows(rows, source=repr(sorted(self.images.items())) + repr(list(self.images)), **names)

    def _annotate(self) -> None:
        Store(self.folder).begin(self._manifest(), SIZE)

    def _feature(self) -> Feature:
        store, arrays = Store(self.folder), {name: spec.to_json() for name, spec in SPEC.items()}
        about = {"fingerprint": f"{self.setting:016x}", "granularity": "person", "trained": True}
        store.use("d", {"feature": "f", "arrays": arrays} | about)
        return store.features("d")["f"]

    def _extract(self, most: int) -> None:
        sweep(self.folder)
        feature = self._feature()
        layout: Layout = feature.layout
        for path in feature.leftovers():
            path.unlink()
        pending = [block.number for block in layout.blocks() if feature.header(block) is None]
        for number in pending[:most]:
            self._write(feature, number)

    def _write(self, feature: Feature, number: int) -> None:
        block = feature.layout.block(number)
        made_of = [(name, edge, name in self.broken) for name, edge in self._samples(block.images)]
        values = np.array([[-1, -1] if bad else self._value(name, edge) for name, edge, bad in made_of], np.float32)
        status = np.array([Status.BROKEN if bad else Status.OK for _, _, bad in made_of], np.uint8)
        keys = feature.layout.keys(block, Granularity.PERSON)
        rows = Rows(keys, status, ["bad" if bad else "" for _, _, bad in made_of], {"value": values})
        source = feature.layout.source(block, Granularity.PERSON)
        write(feature.path(block), feature.fingerprint, source, SPEC, rows)
        self.written[self.setting, number] = made_of


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
