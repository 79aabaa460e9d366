"""The protocol in words: what the runs of a setting share, and what varies."""

from __future__ import annotations

import pandas as pd
import pytest

from poolscope.reports.protocol import _list_values, describe_protocol, say_factors, say_protocol


def make_runs() -> pd.DataFrame:
    """Two arms on two data sets; of one arm a seed is missing."""
    rows = [
        {"setting": data, "arm": arm, "data.name": data, "pool.name": arm, "seed": seed, "train_size": 3000}
        | {"epochs": 8, "train.batch_size": 64, "optim.name": "adam", "optim.learning_rate": 0.001, "model.width": 8}
        | {"test_size": 10_000 if data == "mnist" else 2000, "data.test": "test"}
        for data in ("mnist", "cifar10")
        for arm in ("max", "avg")
        for seed in range(4)
    ]
    return pd.DataFrame(rows[:-1])


def test_a_caption_says_seeds_images_training_and_test_images_of_each_setting() -> None:
    assert say_protocol(make_runs()) == (
        "mnist: n = 4 seeds per arm (seeds 0 to 3), 3,000 training images, 8 epochs, batch 64, adam with learning rate "
        "0.001, 10,000 test images (split test). "
        "cifar10: n = 3 to 4 seeds per arm (seeds 0 to 3), 3,000 training images, 8 epochs, batch 64, adam with "
        "learning rate 0.001, 2,000 test images (split test)."
    )
    one = make_runs().iloc[:1]
    assert say_protocol(one).startswith("mnist: n = 1 seed per arm (seeds 0), ")
    assert say_protocol(one.drop(columns=["train_size", "test_size"])) == (
        "mnist: n = 1 seed per arm (seeds 0), 8 epochs, batch 64, adam with learning rate 0.001, tested (split test)."
    )


def test_the_protocol_has_a_row_for_what_is_known_and_a_column_for_each_setting() -> None:
    protocol = describe_protocol(make_runs()).set_index("item")
    assert protocol.columns.tolist() == ["mnist", "cifar10"]
    assert protocol.loc["test images"].tolist() == ["10,000; test", "2,000; test"]
    assert protocol.loc["width"].tolist() == ["8", "8"]
    assert "dropout" not in protocol.index


def test_an_empty_cell_beside_others_is_what_it_means() -> None:
    runs = make_runs()
    deep = runs["arm"] == "max"
    runs = runs.assign(**{"model.convs": pd.array([2 if is_deep else None for is_deep in deep], "Int64")})
    runs = runs.assign(**{"model.residual": [True if is_deep else None for is_deep in deep], "model.hidden": None})
    protocol = describe_protocol(runs).set_index("item")
    assert protocol.loc["convolutions of a block"].tolist() == ["1, 2"] * 2
    assert protocol.loc["shortcuts"].tolist() == ["False, True"] * 2
    assert "dense layers before the classifier" not in protocol.index


def test_factors_are_named_with_what_varies_along_with_them() -> None:
    runs = make_runs().assign(**{"data.pad_to": [32 if name == "mnist" else 36 for name in make_runs()["data.name"]]})
    assert say_factors(runs) == "Factors that vary: data.name, pool.name. With them vary: data.pad_to."
    assert say_factors(runs.iloc[:2]) == "Factors that vary: none."


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0, 1, 2, 3], "0 to 3"),
        ([0, 1], "0, 1"),
        ([0, 1, 3], "0, 1, 3"),
        ([3000, 3000], "3,000"),
        ([0.5, 2.0], "0.5, 2"),
        (["b", "a", "", None], "a, b"),
        ([True, False], "False, True"),
        ([], ""),
    ],
)
def test_values_are_listed_once_and_whole_numbers_in_a_row_as_a_range(values: list[object], text: str) -> None:
    assert _list_values(pd.Series(values, dtype=object)) == text
