"""The protocol behind the numbers, in words: what all runs of a setting share, and what varies."""

from __future__ import annotations

import pandas as pd

from poolscope.spec.config import NULL_MEANS
from poolscope.statistics.arms import factors, find_varying, show_value

_IN_CAPTIONS = {
    *("seed", "train_size", "test_size", "data.test", "epochs", "train.epochs", "train.batch_size"),
    *("optim.name", "optim.learning_rate"),
}


def describe_protocol(labelled: pd.DataFrame) -> pd.DataFrame:
    """Describe the conditions of the numbers: an item per row, a column per setting; what varies lists its values."""
    items = {
        "test images": ["test_size", "data.test"],
        "training images": ["train_size", "data.train"],
        "validation split": ["data.val"],
        "train_eval images": ["data.train_eval_size"],
        "label noise": ["data.label_noise"],
        "epochs": ["epochs"] if "epochs" in labelled else ["train.epochs"],
        "optimiser steps": ["steps"] if "steps" in labelled else ["train.steps"],
        "batch size": ["train.batch_size"],
        "optimiser": ["optim.name", "optim.schedule"],
        "learning rate": ["optim.learning_rate"],
        "weight decay": ["optim.weight_decay"],
        "augmentation: shift, flip": ["train.shift", "train.flip"],
        "blocks": ["model.blocks"],
        "convolutions of a block": ["model.convs"],
        "shortcuts": ["model.residual"],
        "pooling stages": ["model.pool_stages", "model.pool_after"],
        "width": ["model.width"],
        "normalisation": ["model.norm"],
        "dropout": ["model.dropout"],
        "head": ["model.head"],
        "dense layers before the classifier": ["model.hidden"],
        "window, stride, padding": ["pool.window", "pool.stride", "pool.padding"],
        "precision": ["train.precision"],
        "seeds": ["seed"],
        "device": ["provenance.device"],
    }
    columns: dict[str, list[str]] = {"item": list(items)}
    for setting, runs in labelled.groupby("setting", sort=False):
        columns[str(setting)] = [
            "; ".join(_list_values(_fill(runs[column])) for column in wanted if column in runs)
            for wanted in items.values()
        ]
    protocol = pd.DataFrame(columns)
    return protocol[(protocol.drop(columns="item") != "").any(axis=1)].reset_index(drop=True)


def say_protocol(runs: pd.DataFrame) -> str:
    """Say for each setting, in captions: n, seeds, images, epochs, batch, learning rate, and the test images."""
    sentences = []
    for setting, chosen in runs.groupby("setting", sort=False):
        values = {column: _list_values(chosen[column]) for column in chosen if column in _IN_CAPTIONS}
        counts = chosen.groupby("arm", sort=False)["seed"].nunique()
        n = " to ".join(str(count) for count in sorted({counts.min(), counts.max()}))
        trained = f"{values['train_size']} training images, " if values.get("train_size") else ""
        tested = f"{values['test_size']} test images (split " if values.get("test_size") else "tested (split "
        sentences.append(
            f"{setting}: n = {n} {'seed' if n == '1' else 'seeds'} per arm (seeds {values['seed']}), "
            f"{trained}{values.get('epochs') or values.get('train.epochs', '?')} epochs, "
            f"batch {values.get('train.batch_size', '?')}, {values.get('optim.name', '?')} with learning rate "
            f"{values.get('optim.learning_rate', '?')}, {tested}{values.get('data.test', '?')})."
        )
    return " ".join(sentences)


def say_factors(runs: pd.DataFrame) -> str:
    """Say which configuration keys distinguish the arms and settings, and which vary along with them."""
    chosen = factors(runs)
    also = [column for column in find_varying(runs) if column not in chosen]
    text = f"Factors that vary: {', '.join(chosen) or 'none'}."
    return text + (f" With them vary: {', '.join(also)}." if also else "")


def _fill(values: pd.Series) -> pd.Series:
    """What empty cells mean, where they stand beside others."""
    meant = NULL_MEANS.get(str(values.name).removeprefix("model."))
    if meant is None or values.isna().all():
        return values
    return values.astype(object).where(values.notna(), "none" if meant == [] else meant)


def _list_values(values: pd.Series) -> str:
    """The different values of a column; four or more whole numbers in a row as a range."""
    different = sorted(values.dropna().unique().tolist(), key=lambda value: (isinstance(value, str), value))
    whole = [value for value in different if isinstance(value, int) and not isinstance(value, bool)]
    if len(whole) > 2 and len(whole) == len(different) and whole[-1] - whole[0] == len(whole) - 1:
        return f"{whole[0]} to {whole[-1]}"
    if len(different) == 1 and isinstance(different[0], (int, float)) and different[0] >= 1000:
        return f"{different[0]:,.0f}"
    return ", ".join(show_value(value) for value in different if value != "")
