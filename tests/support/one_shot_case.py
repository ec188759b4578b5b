"""One-shot recognition in small: unseen classes of about ten people, of whom an episode takes one."""

from protocol_case import Case
from toy_features import people

CASE = Case(
    word="cat-6:6",
    rows=people(),
    settings={"episodes": 40, "validation_episodes": 10},
    other={"episodes": 40, "validation_episodes": 10, "shots": 2},
    few=people(12),
)
