"""Small data sets on disk in the form that tensorflow-datasets prepares them, written without it and TensorFlow."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CHECKOUT = Path(__file__).resolve().parents[2]


def find_real_data(*names: str) -> str:
    """A folder with these prepared data sets: TFDS_DATA_DIR, or the offline copies beside a checkout; skips without."""
    from poolscope.data.tfds import data_folder, find_prepared

    for folder in (data_folder(), CHECKOUT.parent / "shared" / "data"):
        if all(find_prepared(name, str(folder)) for name in names):
            return str(folder)
    pytest.skip(f"needs {' and '.join(names)}: poolscope data prepare, or TFDS_DATA_DIR")


def write_prepared(
    folder: Path,
    name: str,
    splits: dict[str, tuple[np.ndarray, np.ndarray]],
    classes: int = 3,
    version: str = "1.0.0",
    features: dict[str, Any] | None = None,
    **info: Any,
) -> Path:
    """Write uint8 images (N, H, W, C) and labels (N,) as <folder>/<name>/<version>; `features` and `info` override."""
    from array_record.python.array_record_module import ArrayRecordWriter
    from tensorflow_datasets.proto import tf_example_pb2

    home = folder / name / version
    home.mkdir(parents=True)
    prefix = name.split("/")[0]
    for split, (images, labels) in splits.items():
        writer = ArrayRecordWriter(str(home / f"{prefix}-{split}.array_record-00000-of-00001"), "group_size:1")
        for image, label in zip(images, labels, strict=True):
            png = io.BytesIO()
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(png, "PNG")
            example = tf_example_pb2.Example()
            example.features.feature["image"].bytes_list.value.append(png.getvalue())
            example.features.feature["label"].int64_list.value.append(int(label))
            writer.write(example.SerializeToString())
        writer.close()
    shape = next(iter(splits.values()))[0].shape[1:]
    package = "tensorflow_datasets.core.features"
    fields = {
        "image": {
            "pythonClassName": f"{package}.image_feature.Image",
            "image": {"dtype": "uint8", "shape": {"dimensions": [str(size) for size in shape]}},
        },
        "label": {
            "pythonClassName": f"{package}.class_label_feature.ClassLabel",
            "classLabel": {"numClasses": str(classes)},
        },
    }
    template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    content = {
        "name": prefix,
        "version": version,
        "fileFormat": "array_record",
        "splits": [
            {"name": split, "filepathTemplate": template, "shardLengths": [str(len(labels))], "numBytes": "1"}
            for split, (_, labels) in splits.items()
        ],
    }
    features_file = {
        "pythonClassName": f"{package}.features_dict.FeaturesDict",
        "featuresDict": {"features": fields | (features or {})},
    }
    (home / "features.json").write_text(json.dumps(features_file))
    (home / "dataset_info.json").write_text(json.dumps(content | info))
    return home


def make_images(count: int, shape: tuple[int, int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random images, and labels 0, 1, 2, 0, 1, 2, ..."""
    images = np.random.RandomState(seed).randint(0, 256, (count, *shape)).astype(np.uint8)
    return images, (np.arange(count) % 3).astype(np.int32)
