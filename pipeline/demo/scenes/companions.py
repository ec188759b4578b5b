"""Which categories stand together, and the companions that a person's own categories get by that.

Real people are felt to have several categories at once, and not by chance: who is in pain suffers, who is happy is
often excited. A drawn person gets such companions, as long as the vote of Affect-DML's mapping keeps the person's
class. So Affection, alone in its class, gets none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.scenes import design

PEOPLE: Final = (
    526, 76, 224, 2124, 147, 1561, 188, 643, 340, 443, 108, 2263, 560, 1658, 173, 166, 1724, 118, 511, 1093, 125, 122,
    118, 427, 626, 351,
)  # fmt: skip
"""How many of the 2,397 people of EMOTIC's validation part (CVPR'17) have each of design.CATEGORIES."""

_PER_CENT: Final = """
100   1   5  78   3  51   3  13   6  12   2  92  33  75   3   4  92   2  35  69   2   7   2  20  59   8
9 100  74  59  55  24  71  34  51  46  20  62  12  30  13  28  25  45   5  16  46  20  45  16  17  18
11  25 100  79  44  35  55  51  50  43  17  81  11  30  25  18  38  24  14  25  28  12  27  23  19  20
19   2   8 100   5  68   6  26  13  18   4  97  23  70   6   6  72   3  20  44   3   4   3  17  24  15
12  29  67  75 100  31  61  49  49  41  18  77  10  33  20  20  39  25  12  26  31  13  27  29  16  20
17   1   5  93   3 100   3  20   9  16   3  97  29  80   4   5  74   2  20  46   1   3   1  16  20  15
8  29  66  69  48  28 100  54  49  47  18  72  11  26  24  19  31  34  12  20  38  16  35  22  16  20
11   4  18  86  11  48  16 100  37  32   9  92  14  38  18   9  56   9  26  29  11   6  10  16  17  14
10  11  33  83  21  41  27  70 100  39  14  89  17  32  21  14  44  13  19  23  16  11  16  19  15  19
14   8  22  87  14  56  20  46  30 100  10  91  20  55  14  20  54  11  13  46  14   8  12  32  19  16
12  14  36  81  25  41  31  51  44  40 100  86  12  32  22  19  48  17  12  19  26  14  20  20  21  14
21   2   8  91   5  67   6  26  13  18   4 100  24  70   6   6  73   3  21  46   3   4   3  18  25  15
31   2   4  88   3  79   4  16  10  16   2  95 100  80   3   5  75   1  24  51   1   3   1  17  32  13
24   1   4  90   3  75   3  15   7  15   2  96  27 100   3   6  79   2  19  55   1   4   2  20  26  14
10   6  32  71  17  39  27  65  42  36  14  80  10  32 100  16  38  29  21  19  29  13  29  16  15  21
13  13  25  83  17  49  22  33  28  54  13  87  18  60  16 100  49  22  13  35  21  15  17  30  13  11
28   1   5  89   3  67   3  21   9  14   3  96  24  76   4   5 100   1  25  55   1   4   1  19  31  12
10  29  46  52  31  22  54  47  38  42  15  58   6  31  42  31  21 100   8  12  60  25  62  19  19  19
36   1   6  84   3  61   5  33  13  12   3  93  26  63   7   4  83   2 100  56   3   7   2  17  33  14
33   1   5  86   3  66   3  17   7  18   2  94  26  84   3   5  86   1  26 100   1   4   1  25  34  11
7  28  50  50  37  14  57  56  44  49  22  56   4  13  41  28  20  57  12   6 100  30  64  16  21  18
29  12  23  74  16  39  25  34  31  30  12  74  15  50  19  20  52  24  28  32  30 100  27  22  30  23
8  29  52  53  34  14  56  55  45  45  19  54   6  21  42  25  19  62   8   8  68  28 100  18  20  17
24   3  12  86  10  57  10  25  15  33   5  94  22  77   7  11  75   5  21  65   5   6   5 100  28  15
50   2   7  82   4  50   5  17   8  13   4  92  28  68   4   4  85   4  27  60   4   6   4  19 100   8
13   4  13  93   8  67  11  25  18  20   4  95  20  64  11   5  58   6  21  33   7   8   6  19  14 100
"""
TOGETHER: Final = np.array([line.split() for line in _PER_CENT.strip().splitlines()], np.float64) / 100
"""(26, 26) P(column | row): the share of those with the row's category who have the column's too, same people. Each has
6.8 categories, all that some of its annotators named."""

STRENGTH: Final = 0.5
"""By what the shares are multiplied: one annotator names fewer categories than all of them together."""


AT_HOME: Final = 3.0
"""How many times likelier a companion is in the one place that is its home: what the place alone tells of labels."""


def companions(rng: np.random.Generator, own: Sequence[str], label: design.Emotion, place: str) -> tuple[str, ...]:
    """Further categories for a person of the class `label` with the categories `own`, in alphabetical order.

    Each category is drawn at STRENGTH times its mean share among people with one of `own`, AT_HOME times that in its
    home and less elsewhere; the most surprising ones, by that share over the category's share in all people, are taken
    first, and those that would cost the person its class are left out.
    """
    share = TOGETHER[[design.CATEGORIES.index(name) for name in own]].mean(0) * _pull(place)
    drawn = np.flatnonzero(rng.random(len(share)) < STRENGTH * share)
    found = list(own)
    for number in drawn[np.argsort(-(share / PEOPLE)[drawn], kind="stable")]:
        name = design.CATEGORIES[int(number)]
        if name not in found and (name in label.categories or _keeps([*found, name], label)):
            found.append(name)
    return tuple(sorted(set(found) - set(own)))


def _pull(place: str) -> NDArray[np.float64]:
    """(26,) factors of a place, whose mean over all places is 1 for each category. Homes go round by the alphabet."""
    places = len(design.PLACES)
    home = np.arange(len(design.CATEGORIES)) % places == design.PLACES.index(place)
    return np.where(home, AT_HOME, (places - AT_HOME) / (places - 1))


def _keeps(categories: Sequence[str], label: design.Emotion) -> bool:
    """Whether `label` has most of the categories; an unseen class keeps what it shares with seen ones only."""
    votes = {one.name: sum(name in one.categories for name in categories) for one in design.EMOTIONS}
    return all(
        votes[one.name] < votes[label.name] or (votes[one.name] == votes[label.name] and one.seen and not label.seen)
        for one in design.EMOTIONS
        if one.name != label.name
    )
