"""`poolscope predict`: what a study's trained networks make of one's own images."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from poolscope.commands.arguments import add_results, prepare_backend, read_seed
from poolscope.process.terminal import list_rows, open_console
from poolscope.spec.config import digest
from poolscope.spec.content_hash import SUFFIXES
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import record_path
from poolscope.store.files import write_csv

SUMMARY = "Classify images with the kept weights of a study's arm, and draw their maps around each pool."
_BATCH = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope predict`."""
    parser.add_argument("study", help="the study's name; its runs were trained with train.keep=weights")
    parser.add_argument("arm", help="the arm's name, or that of an operator with one arm")
    parser.add_argument("images", nargs="+", help="image files, or folders of them")
    parser.add_argument("--seed", type=read_seed, help="of the run (default: the lowest that kept its weights)")
    parser.add_argument("--weights", choices=("final", "best"), default="final", help="best: least validation loss")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only such runs; repeatable")
    parser.add_argument("--force", action="store_true", help="overwrite the file of --out")
    parser.add_argument("--out", help="a CSV file: the probability of every class for every image")
    parser.add_argument("--maps", metavar="FOLDER", help="draw each image before and after each pool")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Classify, print and write."""
    path = find_run(options.results, options.study, options.arm, options.seed, options.weights, options.where)
    files = list_images(options.images)
    if options.out and Path(options.out).exists() and not options.force:
        raise PoolscopeError(f"{options.out} would be lost; overwrite it with --force, or choose another --out.")
    prepare_backend()
    from scipy.special import softmax

    from poolscope.training.weights import load_network

    network = load_network(path)
    check_owner(path, network.facts)
    images = read_images(files, network.facts)
    if options.maps:
        Path(options.maps).mkdir(parents=True, exist_ok=True)
    shares = np.concatenate(
        [
            softmax(np.asarray(network(images[start : start + _BATCH])), axis=-1)
            for start in range(0, len(images), _BATCH)
        ]
    )
    labels = network.facts.labels or tuple(map(str, range(network.facts.classes)))
    rows = []
    for file, share in zip(files, shares, strict=True):
        first, second = np.argsort(-share, kind="stable")[:2]
        found = {"image": str(file), "class": labels[first], "probability": f"{share[first]:.3f}"}
        rows.append(found | {"next": f"{labels[second]} {share[second]:.3f}"})
    open_console().print(list_rows(rows))
    if options.out:
        columns = [dict(zip(labels, map(float, share), strict=True)) for share in shares]
        lines = [{"image": row["image"], "class": row["class"]} | each for row, each in zip(rows, columns, strict=True)]
        write_csv(["image", "class", *labels], lines, Path(options.out))
    if options.maps:
        _draw_maps(network, files, images, Path(options.maps))
    print(f"By {path}")
    return 0


def find_run(
    results: str, study: str, arm: str, seed: int | None = None, kind: str = "final", where: Sequence[str] = ()
) -> Path:
    """Find the kept weights of an arm.

    Raises:
        PoolscopeError: where there is no such arm, several are meant, or no run of it kept its weights.
    """
    from poolscope.statistics.arms import add_arms, filter_runs
    from poolscope.statistics.tables import collect
    from poolscope.training.weights import find_weights

    labelled = add_arms(filter_runs(collect(results, study).runs, where))
    chosen = labelled[labelled["arm"] == arm]
    chosen = labelled[labelled["operator"] == arm] if chosen.empty else chosen
    if chosen.empty:
        raise PoolscopeError(f"There is no arm {arm!r}; there are {', '.join(labelled['arm'].unique())}.")
    if chosen["digest"].nunique() > 1:
        known = [f"{row['setting']}: {row['arm']}" for _, row in chosen.drop_duplicates("digest").iterrows()]
        raise PoolscopeError(f"{arm!r} is several arms ({'; '.join(known)}); choose one, or add --where key=value.")
    seeds = sorted(chosen.loc[chosen["status"] == "done", "seed"])
    if seed is not None and seed not in seeds:
        raise PoolscopeError(
            f"Arm {arm!r} has no finished run with --seed {seed}; it has {', '.join(map(str, seeds))}."
        )
    digest = str(chosen["digest"].iloc[0])
    for one in seeds if seed is None else [seed]:
        path = find_weights(record_path(results, study, digest, int(one)), kind)
        if path.is_file():
            return path
    raise PoolscopeError(
        f"No weights of arm {arm!r} are kept in {record_path(results, study, digest, 0).parent}; train it with "
        f"train.keep=weights, in a study of another name or without its records."
    )


def check_owner(path: Path, facts: Any) -> None:
    """Refuse weights that were put in another run's place, which would answer in its name."""
    if (digest(facts.config), facts.seed) != (path.parent.name, int(path.name.split(".")[0].removeprefix("seed-"))):
        raise PoolscopeError(
            f"The weights {path} are of another run, configuration {digest(facts.config)} and seed {facts.seed}; put "
            "the run's own there, or train it again without its record."
        )


def list_images(names: Sequence[str]) -> list[Path]:
    """List image files, and those in folders, sorted; raises PoolscopeError where there is none."""
    files: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            found = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
            if not found:
                raise PoolscopeError(f"The folder {name} has no images ({', '.join(SUFFIXES)}).")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise PoolscopeError(f"There is no image {name}.")
    return files


def read_images(files: Sequence[Path], facts: Any) -> np.ndarray:
    """Read images and fit them to the network as its training images were: (N, H, W, C), uint8."""
    from poolscope.data.pictures import choose_fitting, fit_image, read_image

    height, width, channels = facts.shape
    pad = 0
    if facts.config.data.pad_to is not None:
        from poolscope.data.datasets import describe_dataset

        inner, _ = describe_dataset(dataclasses.replace(facts.config.data, pad_to=None))
        pad, (height, width, channels) = (facts.shape[0] - inner[0]) // 2, inner
    fitting = choose_fitting(facts.config.data)
    images = np.zeros((len(files), *facts.shape), np.uint8)
    for image, file in zip(images, files, strict=True):
        try:
            image[pad : pad + height, pad : pad + width] = fit_image(
                read_image(file), (height, width, channels), fitting
            )
        except ValueError as error:
            raise PoolscopeError(f"The image {file} can't be read ({error}).") from error
    return images


def _draw_maps(network: Any, files: Sequence[Path], images: np.ndarray, folder: Path) -> None:
    from poolscope.reports.figures.files import save_figure
    from poolscope.reports.figures.maps import plot_maps

    for number, (file, image) in enumerate(zip(files, images, strict=True), start=1):
        _, activations = network.apply(image[None])
        stages = {name: (np.asarray(before[0]), np.asarray(after[0])) for name, (before, after) in activations.items()}
        for path in save_figure(plot_maps(image, stages), folder, f"{number}-{file.stem}"):
            print(path)
