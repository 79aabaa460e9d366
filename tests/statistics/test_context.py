"""What a contrast's runs share is said in a few words."""

from __future__ import annotations

import pandas as pd
import pytest

from poolscope.statistics.context import describe_context

USUAL = {
    "data.name": "cifar10",
    "data.train_size": 3000.0,
    "data.label_noise": 0.0,
    "model.blocks": 3,
    "model.width": 8,
}


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([USUAL, USUAL], "CIFAR-10, 3,000 images, width 8"),
        ([USUAL, USUAL | {"data.train_size": 1000.0}], "CIFAR-10, 1,000 images and 3,000 images, width 8"),
        (
            [USUAL | {"data.train_size": size} for size in (16000.0, 1000.0, 4000.0)],
            "CIFAR-10, 1,000 images and 4,000 images and 16,000 images, width 8",
        ),
        ([USUAL | {"model.width": 16}, USUAL], "CIFAR-10, 3,000 images, width 8 and width 16"),
        ([USUAL | {"data.label_noise": 0.4}], "CIFAR-10, 3,000 images, 40 % wrong labels, width 8"),
        ([USUAL | {"model.blocks": 0, "pool.window": 2.0}], "CIFAR-10, 3,000 images, no convolution, window 2"),
        ([{"data.name": "digits"}], "digits"),
        ([], ""),
    ],
)
def test_the_context_of_runs(rows: list[dict[str, object]], text: str) -> None:
    assert describe_context(pd.DataFrame(rows)) == text
