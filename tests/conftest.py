"""How every test runs: on the CPU, strict about dtypes, hermetic, and sharing the cores with the other workers."""

from __future__ import annotations

import gc
import hashlib
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Read when JAX, the BLAS libraries and Matplotlib are first imported, so they come before anything else. A JAX backend
# that is already set up for GPUs or TPUs can be tested with JAX_PLATFORMS set from outside.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["MPLBACKEND"] = "agg"

# Programs of a few steps on small images take longer to compile than to run. So the compiler makes the least effort,
# here and in the processes that tests start: a training step then takes a quarter of the time to compile.
# `XLA_FLAGS= make test` compiles as users do. Convolutions of fewer than 12 filters run slowly so: networks that train
# for more than a few steps have more.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1",
)
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


MOST_KEPT = 500_000_000  # bytes of compiled programs that are kept for the next session


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """What one test has compiled is read by all others, in all processes of this session and of later ones.

    The folder is pytest's cache: --cache-clear empties it. Programs are known by what JAX knows them by, and by the
    machine's instructions, which JAX leaves out.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    if (cache := getattr(config, "cache", None)) is None:
        kept = tempfile.TemporaryDirectory(prefix="poolscope-compiled-", ignore_cleanup_errors=True)
        config.add_cleanup(kept.cleanup)
        folder = Path(kept.name)
    else:
        folder = cache.mkdir("compiled")
    if sum(entry.stat().st_size for entry in folder.rglob("*")) > MOST_KEPT:
        shutil.rmtree(folder, ignore_errors=True)
    compiled = folder / _describe_processor()
    if not compiled.exists():
        os.environ["POOLSCOPE_TESTS_FIRST"] = str(folder / "first")
        (folder / "first").unlink(missing_ok=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(compiled)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.05"
    if "jax" in sys.modules:  # by the conftest.py of a room that was asked for
        sys.modules["jax"].config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
        sys.modules["jax"].config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
    # Where Python is to keep no bytecode beside its sources, it does so here: a session starts dozens of processes.
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")


def _describe_processor() -> str:
    """A short name of the instructions that the processor knows, where the system lists them."""
    with suppress(OSError):
        lines = {line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(("flags", "Feat"))}
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:12]
    return platform.machine()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Where nothing is kept yet, one worker imports everything first, and the others read the bytecode that it left."""
    first = Path(os.environ.get("POOLSCOPE_TESTS_FIRST", os.devnull))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    patience = time.monotonic() + 120
    while worker not in ("", "gw0") and not first.exists() and time.monotonic() < patience:
        time.sleep(0.1)
    try:
        return (yield)
    finally:
        if first != Path(os.devnull) and worker == "gw0":
            first.touch()


def pytest_collection_finish() -> None:
    """What was imported so far stays: looking through it for garbage took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of decoded images, new for every session and shared by its workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    os.environ["POOLSCOPE_CACHE"] = str(folder)
    return folder


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made but not drawn, and their files hold nothing: for what pages, tables and commands say."""
    from poolscope.reports.figures import files

    empty = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>'
    monkeypatch.setattr(files, "_arrange", lambda figure: None)
    monkeypatch.setattr(files.FigureCanvasSVG, "print_svg", lambda self, file, **_: file.write(empty))
    monkeypatch.setattr(files.FigureCanvasAgg, "print_png", lambda self, file, **_: None)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """An empty folder for studies and records."""
    return tmp_path / "results"
