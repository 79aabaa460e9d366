"""How every test runs: on the CPU, strict about dtypes, hermetic, and sharing the cores with the other workers."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from pathlib import Path

# Read when JAX, the BLAS libraries and Matplotlib are first imported, so they come before anything else. A JAX backend
# that is already set up for GPUs or TPUs can be tested with JAX_PLATFORMS set from outside.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["MPLBACKEND"] = "agg"

# Programs of a few steps on small images take longer to compile than to run. So the compiler makes the least effort,
# here and in the processes that tests start: a training step then takes a quarter of the time to compile.
# `XLA_FLAGS= make test` compiles as users do. Convolutions of fewer than 12 filters run slowly so: networks that train
# for more than a few steps have more. What one test has compiled is read by all others: the folder of compiled programs
# is new for every session and shared by its processes.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1",
)
if "PYTEST_XDIST_WORKER" not in os.environ:
    _compiled = tempfile.TemporaryDirectory(prefix="poolscope-compiled-", ignore_cleanup_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _compiled.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    # Where Python is to keep no bytecode beside its sources, it does so here: a session starts dozens of processes.
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = os.path.join(_compiled.name, "bytecode")
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

# A shell lets what it starts with `&` ignore Ctrl-C, and so everything that tests start from there.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from hypothesis import settings

settings.register_profile("default", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_collection_finish() -> None:
    """What was imported so far stays: looking through it for garbage took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


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
