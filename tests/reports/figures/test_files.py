"""Figures as files: whole, the same on one core and on several, and never through a link."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from poolscope.reports.figures import files
from poolscope.reports.figures.files import save_figure, save_pdf


def make_figure(number: int) -> Figure:
    figure = Figure(figsize=(2, 1), layout="constrained")
    ax = figure.subplots()
    ax.plot([0, number], [0, 1])
    ax.set(title=f"figure {number}", xlabel="steps")
    return figure


def make_figures() -> dict[str, Figure]:
    return {f"figure{number}": make_figure(number) for number in (1, 2, 3)}


DRAW = """
import errno, os, sys
from pathlib import Path
from xml.etree import ElementTree
from test_files import make_figures
from poolscope.reports.figures import files

def refuse(figure, folder, name, kinds):
    if name == "figure2":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)

for workers in (1, 2):
    files._count_workers = lambda workers=workers: workers
    print(*[path.name for path in files.save_figures(make_figures(), Path(sys.argv[1]) / str(workers))])
files.save_figure = refuse
for workers in (1, 2):
    files._count_workers = lambda workers=workers: workers
    try:
        files.save_figures(make_figures(), sys.argv[1])
    except OSError as error:
        print(error.strerror)
"""


def test_several_processes_write_the_same_bytes_as_one_and_say_what_could_not_be_written(tmp_path):
    """In a process of its own: where JAX is loaded, nothing is forked."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", DRAW, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    names = " ".join(f"figure{number}.{kind}" for number in (1, 2, 3) for kind in ("svg", "png"))
    assert done.stdout.splitlines() == [names, names, "No space left on device", "No space left on device"], done.stderr
    for path in sorted((tmp_path / "1").iterdir()):
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes(), path.name


def test_the_last_bits_of_a_coordinate_name_nothing():
    """Matplotlib hashes coordinates at full precision, and those differ between processors; the picture doesn't."""
    svg = '<path id="m{0}"/><use href="#m{0}" clip-path="url(#p{1})"/><clipPath id="p{1}"/><g id="text_1"/>'
    one, other = (
        files.number_names(svg.format(*names)) for names in (("0123456789", "abcdef0123"), ("f" * 10, "0" * 10))
    )
    assert one == other == '<path id="m1"/><use href="#m1" clip-path="url(#p2)"/><clipPath id="p2"/><g id="text_1"/>'


COUNT = """
import os, sys, threading
from poolscope.process.interrupts import interruptible
from poolscope.reports.figures import files

os.sched_getaffinity = lambda process: {0, 1, 2}
sys.platform = "linux"
waiting = threading.Event()
with interruptible():  # as every command is
    print(files._count_workers())
    threading.Thread(target=waiting.wait).start()
    print(files._count_workers())
    waiting.set()
"""


def test_a_command_draws_on_all_cores_but_not_beside_another_thread():
    """In a process of its own: that of the tests has threads."""
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["3", "1"], done.stderr


def test_no_process_is_forked_beside_jax(monkeypatch):
    monkeypatch.setitem(files.sys.modules, "jax", object())
    assert files._count_workers() == 1


def test_a_pdf_is_arranged_as_the_other_files(tmp_path):
    drawn, undrawn = make_figure(1), make_figure(1)
    save_figure(drawn, tmp_path, "first")
    first, second = (save_pdf(figure, tmp_path / name, "f") for figure, name in ((drawn, "a"), (undrawn, "b")))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_a_link_is_replaced_and_its_target_left_alone(tmp_path, kind):
    target = tmp_path / "precious"
    target.write_text("mine")
    link = tmp_path / "figures" / f"accuracy.{kind}"
    link.parent.mkdir()
    link.symlink_to(target)
    (save_pdf if kind == "pdf" else save_figure)(make_figure(1), link.parent, "accuracy")
    assert target.read_text() == "mine" and not link.is_symlink()


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_a_figure_that_fails_midway_leaves_the_earlier_file(tmp_path, kind, monkeypatch):
    class Unserialisable(Figure):
        def draw(self, renderer):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    earlier = tmp_path / f"accuracy.{kind}"
    earlier.write_text("earlier")
    with pytest.raises(OSError, match="Input/output"):
        (save_pdf if kind == "pdf" else save_figure)(Unserialisable(), tmp_path, "accuracy")
    assert earlier.read_text() == "earlier" and len(list(tmp_path.iterdir())) <= 2


def test_a_point_that_stands_for_a_run_has_its_title_in_the_svg_and_no_link(tmp_path):
    figure = Figure(figsize=(2, 1))
    names = ["run:mnist|max & min|3|97.10", "run:|avg|0|+1.20"]
    figure.subplots().scatter([0, 1], [0, 1], urls=names)
    save_figure(figure, tmp_path, "points", ("svg",))
    svg = (tmp_path / "points.svg").read_text()
    assert '<g class="run" data-run="mnist|max &amp; min|3"><title>mnist, max &amp; min, seed 3: 97.10</title>' in svg
    assert '<g class="run" data-run="|avg|0"><title>avg, seed 0: +1.20</title>' in svg
    assert "<a " not in svg
    ElementTree.fromstring(svg)
