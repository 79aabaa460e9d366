"""Whether one run finished at chance, in plain Python; of tables `statistics.learning` says it, by the same bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping

CLASSES = 10  # of runs from before data.classes was a key
_IMAGES = 500  # where a run doesn't say


def is_at_chance(scalars: Mapping[str, float], classes: int | None, images: int | None = None) -> bool:
    """Whether the final training loss and accuracy of a finished run are those of guessing.

    With C classes: loss at least 0.99 ln C, and accuracy at most 1/C plus three standard errors of a guesser's accuracy
    on the `images` that it was measured on. Loss in nats. False where a run has no such values, or C isn't known.

    Example:
        >>> is_at_chance({"train_eval_loss": 2.303, "train_eval_accuracy": 0.102}, classes=10, images=500)
        True
    """
    loss, accuracy = scalars.get("train_eval_loss"), scalars.get("train_eval_accuracy")
    if loss is None or accuracy is None or not classes:
        return False
    guess = 1 / classes
    most = guess + 3 * (guess * (1 - guess) / (images or _IMAGES)) ** 0.5
    return loss >= 0.99 * math.log(classes) and accuracy <= most
