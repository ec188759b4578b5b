"""Knowledge amalgamation, Tables 3 to 6: what their text says of the numbers holds for those that were copied, and each
row of the grid has its own beside it."""

import pytest

from heads.documents import breakdowns, papers
from heads.experiments.grid import cells, read_grid
from heads.known_protocols import find

TEACHERS = ("fer", "vea", "od")
TOGETHER = ("fer-vea", "fer-od", "vea-od", "fer-vea-od")


def table(dataset: str, number: int, metric: str) -> dict[str, float]:
    found = {}
    for one in papers.read().breakdowns:
        if (one.dataset, one.metric) == (dataset, metric) and one.source.endswith(f", Table {number}"):
            found = {row.name.partition("-")[2]: float(mean) for row, mean in zip(one.rows, one.mean, strict=True)}
    return found


@pytest.mark.parametrize("dataset", ["heco", "emotic"])
def test_a_student_beats_its_teacher_and_the_baseline_as_section_4_3_says(dataset: str) -> None:
    single = table(dataset, 3, "er")
    for teacher in TEACHERS:
        assert single[f"ka-{teacher}"] > max(single[f"ft-{teacher}"], single["baseline"])
        assert (single[f"ft-{teacher}"] > single["baseline"]) == (teacher != "od")
    several = table(dataset, 6, "er")
    assert {f"ka-{name}" for name in (*TEACHERS, *TOGETHER)} | {"baseline"} == set(several)
    assert all(several[name] > several["baseline"] for name in several if name != "baseline")
    assert all(several[name] == single[name] for name in several if name in single)
    best = max(several, key=lambda name: several[name])
    assert best == {"heco": "ka-fer-od", "emotic": "ka-od"}[dataset]
    assert several["ka-fer-vea-od"] > several["ka-fer-vea"], "section 4.5: all three improve FER + VEA"


def test_the_tasks_together_go_as_section_4_4_says() -> None:
    for metric in ("er", "pd", "oer"):
        heco, emotic = table("heco", 4, metric), table("emotic", 5, metric)
        for teacher in TEACHERS:
            student, tuned, base = (heco[word] for word in (f"ka-{teacher}", f"ft-{teacher}", "baseline"))
            assert student > tuned
            assert (student > base) == ((metric, teacher) != ("pd", "vea"))
        assert emotic["ka-fer"] > max(emotic["ft-fer"], emotic["baseline"])
        assert emotic["ka-vea"] > emotic["ft-vea"]
        assert (emotic["ka-vea"] > emotic["baseline"]) == (metric == "oer")
        assert emotic["ft-od"] == max(emotic[word] for word in ("ft-od", "ka-od", "baseline"))
    for found in (table("heco", 4, "pd"), table("emotic", 5, "pd")):
        assert max(found, key=lambda name: found[name]) == "ka-fer"


@pytest.mark.parametrize(("dataset", "source"), [("heco", "Table 4"), ("emotic", "Table 5")])
def test_every_row_of_the_grid_has_its_numbers(dataset: str, source: str) -> None:
    protocols = [find("boxes")]
    known = {
        one.name.removeprefix("amalgamated-"): breakdowns.numbers(
            papers.read().breakdowns, dataset, "boxes", breakdowns.Made([(one.head, one.settings)])
        )
        for one in cells(read_grid("amalgamation"), protocols[0], {}, protocols)
    }
    for name, numbers in known.items():
        assert numbers, name
        assert set(numbers) & {"er", "oer", "pd"} == ({"er"} if name.startswith("single") else {"er", "oer", "pd"})
        assert source in numbers["source"] or name.startswith("single")
    assert {name.removeprefix("multi-") for name in known if name.startswith("multi")} == {
        *("baseline", "baseline-tail", "ka-fer-tail"),
        *(f"{way}-{teacher}" for way in ("ft", "ka") for teacher in TEACHERS),
    }
