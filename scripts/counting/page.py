"""The statistics as sections of a page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heads.page.elements import Html, element, join, table
from heads.page.outcome import badge, card
from heads.page.scatter import keyed
from scripts.counting import pictures
from scripts.counting.histograms import QUANTILES

Counts = Mapping[str, Any]
_NONE = "\u2013"


def facts(counts: Counts) -> list[Html]:
    """Below the title."""
    told = {"release": counts["release"], "samples": counts["kind"]}
    told |= {
        split: f"{one['usable people']:,} usable of {one['people']:,} people" for split, one in counts["splits"].items()
    }
    pairs = (element("div", element("dt", name), element("dd", value)) for name, value in told.items())
    found = [element("dl", *pairs)]
    if names := [name for name, one in counts["features"].items() if not one["trained"]]:
        found.append(element("p", badge(), f" features in the store: {', '.join(names)}.", class_="warning"))
    return found


def sections(counts: Counts) -> dict[str, Html]:
    """By heading; those that have nothing to tell are left out."""
    found = {"Counts": _counts(counts), "Labels": _labels(counts), "Co-occurrence": _cooccurrence(counts)}
    groups: dict[str, list[str]] = {"Ratings": [], "Together": [], "Sizes": []}
    for word, one in counts["histograms"].items():
        groups["Ratings" if one["unit"] == "1 to 10" else "Sizes" if "_box_" in word else "Together"].append(word)
    titles = {"Ratings": "VAD", "Together": _together(counts), "Sizes": "Box and face sizes"}
    found |= {titles[group]: _histograms(counts, words) for group, words in groups.items()}
    found |= {"Gender and age": _words(counts), "Missing": _missing(counts), "Protocols": _protocols(counts)}
    found["Notes"] = element("ul", *(element("li", note) for note in counts["notes"])) if counts["notes"] else Html("")
    return {title: content for title, content in found.items() if content}


def _together(counts: Counts) -> str:
    return "Films and frames" if counts["kind"] == "clips" else "People in an image"


def _counts(counts: Counts) -> Html:
    names = list(dict.fromkeys(name for one in counts["splits"].values() for name in one if name != "statuses"))
    statuses = list(dict.fromkeys(word for one in counts["splits"].values() for word in one["statuses"]))
    body = [
        [split, *(f"{one[name]:,}" for name in names), *(f"{one['statuses'].get(word, 0):,}" for word in statuses)]
        for split, one in counts["splits"].items()
    ]
    columns = ["split", *names, *(f"rows {word}" for word in statuses)]
    caption = "Rows of the annotation by split; an image without people is one row. Usable people are those with ok"
    return join([table(caption, columns, body, numbers=len(columns) - 1), _published(counts)])


def _published(counts: Counts) -> Html:
    published = counts["published"]
    if not published:
        return element("p", "No published counts of this dataset are known here.", class_="absent")
    names = list(dict.fromkeys(name for one in published.values() for name in one))
    body = [
        [name, f"{counts['ours'].get(name, 0):,}", *(_number(one.get(name)) for one in published.values())]
        for name in names
    ]
    columns = ["count", "here", *(f"published, {release}" for release in published)]
    return table("Beside the published counts", columns, body, numbers=len(columns) - 1)


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _labels(counts: Counts) -> Html:
    labels = counts["labels"]
    if not labels["names"]:
        return element("p", "The annotation has no labels.", class_="absent")
    found, people = labels["counts"], labels["usable"]
    body = [
        [name, *(f"{one[at]:,}" for one in found.values()), f"{sum(one[at] for one in found.values()):,}"]
        for at, name in enumerate(labels["names"])
    ]
    several = labels["labels_of_a_person"]
    numbers = sorted({int(word) for one in several.values() for word in one})
    each = [[split, *(f"{one.get(str(count), 0):,}" for count in numbers)] for split, one in several.items()]
    title = "Share of usable people with each label"
    drawn = pictures.along(title, labels["names"], found, people)
    return join(
        [
            element("div", card(title, drawn, keyed(list(found))), class_="cards wide"),
            table("Usable people with each label", ["label", *found, "all"], body, numbers=len(found) + 1),
            table("Usable people by how many labels they have", ["split", *map(str, numbers)], each, len(numbers)),
        ]
    )


def _cooccurrence(counts: Counts) -> Html:
    names = counts["labels"]["names"]
    if all(int(word) < 2 for one in counts["labels"]["labels_of_a_person"].values() for word in one):
        return element("p", "Nobody has two labels.", class_="absent")
    told = "A square is as dark as the share of the people with the row's label who have the column's too."
    cards = [
        card(
            split,
            element(
                "div",
                pictures.field(f"Labels together, {split}", names, matrix),
                class_="scroll",
                tabindex=0,
                role="region",
                aria_label=f"Labels together, {split}",
            ),
        )
        for split, matrix in counts["cooccurrence"].items()
    ]
    return join([element("p", told), element("div", *cards, class_="cards wide")])


def _histograms(counts: Counts, words: Sequence[str]) -> Html:
    shown = {word: counts["histograms"][word] for word in words}
    cards = []
    for one in shown.values():
        title = one["title"][0].upper() + one["title"][1:]
        if any(split["known"] for split in one["splits"].values()):
            shade = [element("figcaption", badge())] if "UNTRAINED" in title else []
            cards.append(card(title, pictures.upwards(title, one), keyed(list(one["splits"])), *shade))
        else:
            cards.append(card(title, element("p", "Not known of anybody.", class_="absent")))
    columns = ["", "split", "known", "unknown", "mean", "sd", *(_quantile(share) for share in QUANTILES)]
    body = [line for one in shown.values() for line in _lines(one)]
    return join([element("div", *cards, class_="cards"), table("In numbers", columns, body, numbers=len(columns) - 2)])


def _quantile(share: int) -> str:
    return {0: "least", 50: "median", 100: "most"}.get(share, f"{share} %")


def _lines(one: Mapping[str, Any]) -> Iterator[list[str]]:
    for split, found in one["splits"].items():
        numbers = [found["mean"], found["std"], *found["quantiles"].values()]
        yield [one["title"], split, f"{found['known']:,}", f"{found['unknown']:,}", *map(_number, numbers)]


def _words(counts: Counts) -> Html:
    parts = []
    for name in ("gender", "age"):
        words = list(dict.fromkeys(word for one in counts[name].values() for word in one))
        body = [[split, *(f"{one.get(word, 0):,}" for word in words)] for split, one in counts[name].items()]
        if words:
            shown = [word or "not told" for word in words]
            parts.append(table(f"Usable people by {name}", ["split", *shown], body, numbers=len(words)))
    return join(parts)


def _missing(counts: Counts) -> Html:
    features = counts["features"]
    if not features:
        return element("p", "No feature was extracted yet.", class_="absent")
    every = [word for one in features.values() for found in one["people"].values() for word in found]
    words = sorted(set(every), key=lambda word: (word != "ok", word))
    body = [
        [_marked(name, one["trained"]), split, *(f"{found.get(word, 0):,}" for word in words)]
        for name, one in features.items()
        for split, found in one["people"].items()
    ]
    caption = "People by what became of them in each feature; an image's row counts for each of its people"
    return table(caption, ["feature", "split", *words], body, numbers=len(words))


def _marked(name: str, trained: bool) -> str:
    return name if trained else join([name, " ", badge()])


def _protocols(counts: Counts) -> Html:
    told = "People of each class under every protocol, as make mapping tells them."
    texts = (element("pre", one, tabindex=0) for one in counts["protocols"])
    return join([element("p", told), *texts]) if counts["protocols"] else Html("")
