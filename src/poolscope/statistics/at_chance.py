"""Runs at chance in any table, also of one's own images, whose number of classes the configuration may not say.

`learning` decides it from the columns of the configuration, and is part of the rule that studies have registered.
"""

from __future__ import annotations

import pandas as pd

from poolscope.statistics.learning import find_unlearned

_CLASSES, _RECORDED = "data.classes", "provenance.classes"


def find_at_chance(runs: pd.DataFrame) -> pd.Series:
    """Mark the runs that finished at chance, as booleans by row: `find_unlearned` with the classes that runs recorded.

    Where neither configuration nor provenance says how many classes there are, a run is not marked, but in tables from
    before the configuration had that key.
    """
    if _CLASSES not in runs or runs[_CLASSES].notna().all():
        return find_unlearned(runs)
    classes = pd.to_numeric(runs[_CLASSES], errors="coerce").astype(float)
    if _RECORDED in runs:
        classes = classes.fillna(pd.to_numeric(runs[_RECORDED], errors="coerce"))
    return find_unlearned(runs.assign(**{_CLASSES: classes})) & classes.notna()
