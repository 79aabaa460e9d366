"""What the import contract can't see: what really gets imported, where tests stand, and how long files are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def imported_by(program: str) -> set[str]:
    """Names of everything that a fresh process has imported after a program."""
    names = "import sys; print(*sys.modules, *{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", f"{program}\n{names}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_the_reading_half_and_the_ground_floor_never_load_jax() -> None:
    rooms = "spec.compose, spec.plan, store.record, store.sweep, statistics.ledger, reports.overview, reports.gallery"
    loaded = imported_by("import " + ", ".join(f"poolscope.{module}" for module in rooms.split(", ")))
    assert loaded.isdisjoint({"jax", "jaxlib", "flax", "optax", "tensorflow_datasets"})
    assert "scipy.stats" not in loaded, "all of SciPy's statistics take longer than a report"
    assert "pandas" in loaded


def test_the_running_half_never_loads_what_draws_nor_what_few_runs_need() -> None:
    loaded = imported_by("import poolscope.runs.run")
    assert loaded.isdisjoint({"pandas", "matplotlib", "jinja2", "scipy", "sklearn", "tensorflow_datasets", "orbax"})
    assert "jax" in loaded


def test_reading_data_never_loads_tensorflow() -> None:
    loaded = imported_by("import poolscope.data.datasets, tensorflow_datasets")
    assert "tensorflow" not in loaded


WITHOUT_TESTS = {"spec/errors.py": "one exception without code"}


def test_every_module_has_a_test_module_of_its_name_in_the_same_room() -> None:
    source = CHECKOUT / "src" / "poolscope"
    modules = {str(path.relative_to(source)) for path in source.rglob("*.py") if not path.name.startswith("__")}
    assert len(modules) > 150
    tested = {
        str(path.relative_to(CHECKOUT / "tests").with_name(path.name.removeprefix("test_")))
        for path in (CHECKOUT / "tests").rglob("test_*.py")
    }
    assert modules - tested == set(WITHOUT_TESTS), "tests/<room>/test_<module>.py is missing, or is there after all"


def test_a_file_has_one_job_and_at_most_400_lines() -> None:
    files = [
        path for folder in ("src", "experiments", "scripts", "tests") for path in (CHECKOUT / folder).rglob("*.py")
    ]
    assert len(files) > 20
    lines = {str(path.relative_to(CHECKOUT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path: count for path, count in lines.items() if count > 400} == {}
