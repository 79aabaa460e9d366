"""Where plugins are found: installed packages and single files, without importing any."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from poolscope.spec import plugins
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.plugins import VARIABLE, find_plugins, import_plugin, use_files

GROUP = "poolscope.operators"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.setattr(plugins, "find_plugins", find_plugins)
    find_plugins.cache_clear()
    yield
    find_plugins.cache_clear()


def install(folder: Path, value: str, files: dict[str, str]) -> None:
    """A package as an installer leaves it."""
    info = folder / "mypkg-3.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mypkg\nVersion: 3.1\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nmine = {value}\n")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("value", "file"),
    [("mypkg", "mypkg/__init__.py"), ("mypkg.sub.pools", "mypkg/sub/pools.py"), ("mypkg.sub", "mypkg/sub/__init__.py")],
)
def test_an_installed_package_is_found_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, file: str
) -> None:
    install(tmp_path, value, {"mypkg/__init__.py": "raise SystemExit", file: "raise SystemExit"})
    monkeypatch.syspath_prepend(tmp_path)
    (found,) = find_plugins(GROUP)
    assert (found.path, found.module, found.package, found.version) == (tmp_path / file, value, "mypkg", "3.1")
    assert find_plugins("poolscope.datasets") == ()


def test_an_entry_point_to_nowhere_is_refused_by_the_package_s_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "mypkg.gone", {"mypkg/__init__.py": ""})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        PoolscopeError, match=r"package mypkg offers mypkg\.gone to poolscope, which has no Python file"
    ):
        find_plugins(GROUP)


def test_a_single_file_stands_in_the_environment_and_is_imported_when_used(tmp_path: Path) -> None:
    path = tmp_path / "my_pools.py"
    path.write_text("VALUE = 3\n")
    use_files([str(path)])
    (found,) = find_plugins(GROUP)
    assert found.version == hashlib.sha256(b"VALUE = 3\n").hexdigest()[:12]
    assert (found.path, found.module, found.package) == (path, "my_pools", "my_pools.py")
    assert "my_pools" not in sys.modules
    assert import_plugin("my_pools").VALUE == 3
    del sys.modules["my_pools"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("gone.py", r"--plugin .*gone\.py can't be read"), ("my-pools.py", "--plugin must name a Python file such as")],
)
def test_other_files_are_refused(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "my-pools.py").write_text("")
    use_files([str(tmp_path / name)])
    with pytest.raises(PoolscopeError, match=sentence):
        find_plugins(GROUP)
