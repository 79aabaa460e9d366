"""Write images.json, the explorer's own pictures: training images of MNIST and CIFAR-10, as base64 of their bytes.

    .venv/bin/python explorer/pick_images.py

Needs prepared copies of both sets (TFDS_DATA_DIR). What it writes is committed, so that the build needs neither.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from poolscope.data.tfds import open_prepared

CHOSEN = (  # data set, place among the training images, name
    *(("mnist", 6, "a handwritten 2"), ("mnist", 14, "a handwritten 3"), ("mnist", 52, "a handwritten 5")),
    *(("mnist", 4, "a handwritten 8"), ("cifar10", 23, "a frog"), ("cifar10", 41, "a sailing ship")),
    *(("cifar10", 37, "a truck"), ("cifar10", 89, "a deer")),
)


def pick_images() -> list[dict[str, object]]:
    """The chosen images, with their sizes and where they come from."""
    splits = {name: open_prepared(name).read("train") for name in ("mnist", "cifar10")}
    picked = []
    for name, place, title in CHOSEN:
        split = splits[name]
        height, width, channels = split.images[place].shape
        picked.append(
            {
                "name": title,
                "source": f"{name}, training image {place}",
                "height": height,
                "width": width,
                "channels": channels,
                "bytes": base64.b64encode(split.images[place].tobytes()).decode(),
            }
        )
    return picked


if __name__ == "__main__":
    path = Path(__file__).with_name("images.json")
    path.write_text(json.dumps(pick_images(), indent=1) + "\n", encoding="utf-8")
