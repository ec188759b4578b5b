"""Single labels in small: six people in seven have exactly one of five categories."""

from protocol_case import Case
from toy_features import CATEGORIES, people

CASE = Case(
    word="single-label",
    rows=people(categories=CATEGORIES[:5]),
    settings={"resamples": 60},
    other={"resamples": 50},
    few=people(2),
)
