"""How every test runs: on the CPU, strict about dtypes, hermetic, and sharing the cores with the other workers."""

from __future__ import annotations

import os
from pathlib import Path

# Read when JAX, the BLAS libraries and Matplotlib are first imported, so they come before anything else. A JAX backend
# that is already set up for GPUs or TPUs can be tested with JAX_PLATFORMS set from outside.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["MPLBACKEND"] = "agg"
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import pytest
from hypothesis import settings

settings.register_profile("default", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of decoded images, new for every session and shared by its workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    os.environ["POOLSCOPE_CACHE"] = str(folder)
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """An empty folder for studies and records."""
    return tmp_path / "results"
