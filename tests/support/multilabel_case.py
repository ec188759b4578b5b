"""Any number of labels in small: one or two of five categories a person, and dimensions of most people."""

from dataclasses import replace
from pathlib import Path

from protocol_case import Case
from toy_features import CATEGORIES, people

UNRATED = (float("nan"),) * 3
CASE = Case(
    word="multilabel",
    rows=[
        replace(row, vad=UNRATED) if at % 9 == 0 else row for at, row in enumerate(people(categories=CATEGORIES[:5]))
    ],
    settings={"resamples": 60},
    other={"resamples": 50},
    few=people(2),
    heads=("blind", "straight"),
    training={"per_class": 0, "epochs": 2, "features": "body"},
    plugins=Path(__file__).with_name("flag_heads"),
    guess=("label_frequency", ("macro_auc",)),
)
