"""The gallery: closed forms of what it measures, and a page that holds every operator and needs no JAX."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from poolscope.measures import responses as gallery
from poolscope.measures.responses import (
    Exhibit,
    load_images,
    measure_impulse,
    measure_operator,
    measure_response,
    measure_shift,
)
from poolscope.reports.gallery import build_page
from poolscope.reports.gallery_cards import make_card, tabulate_operators
from poolscope.reports.gallery_tables import read_gallery
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS

FREQUENCIES = np.array([1, 5, 16, 20, 32]) / 64
MEASURED = ("none", "max", "conv_stride", "stochastic")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results with the gallery of a few operators, measured and drawn."""
    results = tmp_path_factory.mktemp("gallery")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "OPERATORS", {name: OPERATORS[name] for name in MEASURED})
        gallery.write_gallery(results)
    build_page(results)
    return results


@pytest.mark.parametrize(
    ("name", "transfer"),
    [
        ("none", lambda f: np.ones_like(f)),
        ("subsample", lambda f: np.ones_like(f)),
        ("avg", lambda f: np.abs(np.cos(np.pi * f))),
        ("blur", lambda f: np.cos(np.pi * f) ** 2),  # [1 2 1] / 4
    ],
)
def test_a_linear_operator_answers_waves_with_its_transfer_function(name: str, transfer: object) -> None:
    points = measure_response(Exhibit(name).on_torus, FREQUENCIES)
    wanted = transfer(FREQUENCIES)  # type: ignore[operator]
    np.testing.assert_allclose([point["gain"] for point in points], wanted, atol=1e-5)
    np.testing.assert_allclose([point["fundamental"] for point in points], wanted, atol=1e-5)


def test_max_answers_waves_with_harmonics() -> None:
    # max(cos(a - h), cos(a + h)) with h = pi f has the fundamental cos h and, at f = 1/2, is |sin| of the phase:
    # 0.5 + 0.5 |sin p| has the variance (1/2 - 4/pi^2) / 4
    first, last = measure_response(Exhibit("max").on_torus, np.array([8, 32]) / 64)
    assert first["fundamental"] == pytest.approx(np.cos(np.pi / 8), abs=0.01)
    assert last["gain"] == pytest.approx(np.sqrt(8 * (0.5 - 4 / np.pi**2) / 4), abs=0.02)
    assert last["fundamental"] == pytest.approx(0, abs=1e-6)


def test_an_impulse_is_answered_by_the_weights_of_the_window() -> None:
    middle = slice(8, 10)
    for name, within in (("avg", 0.25), ("max", 1.0), ("min", 0.0)):
        response = measure_impulse(Exhibit(name), 2)
        assert response.shape == (18, 18)
        np.testing.assert_allclose(response[middle, middle], within, atol=1e-6)
        assert response.sum() == pytest.approx(4 * within, abs=1e-6)
    blurred = measure_impulse(Exhibit("blur"), 2)
    np.testing.assert_allclose(blurred[7:10, 7:10], np.outer([1, 2, 1], [1, 2, 1]) / 16, atol=1e-6)
    assert blurred.sum() == pytest.approx(1, abs=1e-6)


def test_a_shift_is_followed_or_not() -> None:
    photo = load_images().photo
    assert measure_shift(lambda maps: maps, photo, 1) == pytest.approx(0, abs=1e-6)
    assert measure_shift(Exhibit("aps").on_torus, photo, 2) == pytest.approx(0, abs=1e-6)
    assert np.isnan(measure_shift(lambda maps: np.ones_like(maps), photo, 2))
    wave = (np.cos(2 * np.pi * np.arange(64) * 4 / 64) * np.ones((1, 64, 1)))[..., None].astype(np.float32)
    assert measure_shift(Exhibit("avg").on_torus, wave, 2) == pytest.approx(0, abs=1e-5)  # moves by half a cell
    checks = (np.arange(64) % 2 * np.ones((1, 64, 1)))[..., None].astype(np.float32)
    noise = checks + wave
    assert measure_shift(Exhibit("subsample").on_torus, noise, 2) > 1  # 0s become 1s


def test_only_a_stride_1_operator_with_a_fixed_subsampling_has_an_output_at_every_shift() -> None:
    photo = load_images().photo
    dense = Exhibit("avg").at_every_shift(photo)
    wrapped = np.pad(photo, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="wrap")
    wanted = sum(wrapped[:, i : i + 64, j : j + 64] for i in (0, 1) for j in (0, 1)) / 4
    assert dense is not None
    np.testing.assert_allclose(dense, wanted, atol=1e-6)
    assert Exhibit("spectral").at_every_shift(photo) is None


def test_the_blur_sees_no_edge_on_a_torus() -> None:
    photo = load_images().photo
    op = Exhibit("blur")
    assert op.needs_margin
    assert not Exhibit("max").needs_margin
    rolled = np.roll(photo, (10, 6), axis=(1, 2))
    np.testing.assert_allclose(op.on_torus(rolled), np.roll(op.on_torus(photo), (5, 3), axis=(1, 2)), atol=1e-6)


def test_the_row_of_average_pooling_holds_what_can_be_worked_out() -> None:
    images = load_images()
    row, parts = measure_operator("avg", images)
    assert row["gain"] == pytest.approx(1, abs=1e-6)
    assert (row["parameters"], row["output"], row["differentiable"], row["gradient_cells"]) == (0, "32x32x3", True, 1)
    assert 0.9 < row["photo_r2"] < 1
    assert row["draw_difference"] == row["mean_difference"] == 0
    # of the AC energy after averaging, what lies outside the middle half of either axis
    power = np.abs(np.fft.fft2(images.photo[0].astype(np.float64), axes=(0, 1))) ** 2
    f = np.fft.fftfreq(64)
    power = power.sum(-1) * np.outer(np.cos(np.pi * f), np.cos(np.pi * f)) ** 2
    inside = np.outer((f >= -0.25) & (f < 0.25), (f >= -0.25) & (f < 0.25))
    assert row["aliasing"] == pytest.approx(power[~inside].sum() / (power.sum() - power[0, 0]), rel=1e-4)
    photo = next(part for part in parts["maps"] if part["map"] == "photo")
    levels = np.frombuffer(bytes.fromhex(photo["levels"]), np.uint8).reshape(32, 32, 3)
    shown = photo["low"] + levels / 255 * (photo["high"] - photo["low"])
    np.testing.assert_allclose(shown, images.photo[0].reshape(32, 2, 32, 2, 3).mean((1, 3)), atol=1 / 255)


def test_the_residual_is_what_a_linear_probe_misses() -> None:
    images = load_images()
    _, parts = measure_operator("lp", images)
    residual = next(part for part in parts["maps"] if part["map"] == "photo_residual")
    levels = np.frombuffer(bytes.fromhex(residual["levels"]), np.uint8).reshape(64, 64)
    lost = residual["low"] + levels / 255 * (residual["high"] - residual["low"])
    cells = lost.reshape(32, 2, 32, 2).mean((1, 3))
    grey = images.photo[0].mean(-1)
    assert abs(lost.mean()) < 0.005  # nothing of the mean, in spite of the gain of 2
    assert cells.var() < 0.1 * lost.var()  # a norm of the window is nearly its mean, so what is lost lies within
    assert lost.var() < 0.1 * grey.var()


def test_random_operators_draw_what_they_evaluate_to(written: Path) -> None:
    operators = read_gallery(written / "gallery" / "tables").operators.set_index("name")
    row = operators.loc["stochastic"]
    assert row["draw_difference"] > 0.1
    assert row["mean_difference"] == pytest.approx(row["draw_difference"] / 8, rel=0.1)  # 64 draws
    assert operators.loc["max", "draw_difference"] == 0


def test_operators_are_measured_by_name_and_others_keep_their_rows(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "OPERATORS", {name: OPERATORS[name] for name in MEASURED})
    shutil.copytree(written / "gallery" / "tables", tmp_path / "gallery" / "tables")
    tables = sorted((tmp_path / "gallery" / "tables").glob("*.csv"))
    before = {table: table.read_bytes() for table in tables}
    path = tmp_path / "gallery" / "tables" / "operators.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("none,")))
    gallery.write_gallery(tmp_path, names=["none"])
    assert {table: table.read_bytes() for table in tables} == before
    with pytest.raises(
        PoolscopeError, match="The operator must be one of none, max, conv_stride, stochastic, not 'maxx'"
    ):
        gallery.write_gallery(tmp_path, names=["maxx"])


def test_gains_are_those_that_the_catalogue_states() -> None:
    path = Path(__file__).resolve().parents[2] / "results" / "gallery" / "tables" / "operators.csv"
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["name"] for row in rows} <= set(OPERATORS)
    wanted = {"1": 1.0, "2": 2.0, "K^(1/p)": 2.0, "K^(1/2)": 2.0}  # at K = 4, p = 2
    for row in rows:
        if row["stated_gain"] != "learned":
            assert float(row["gain"]) == pytest.approx(wanted[row["stated_gain"]], rel=1e-3), row["name"]


def test_the_page_has_a_card_for_every_operator(written: Path) -> None:
    folder = written / "gallery"
    page = (folder / "gallery.html").read_text(encoding="utf-8")
    read = read_gallery(folder / "tables")
    assert tabulate_operators(read.operators)["pool="].tolist() == list(MEASURED)
    for name in MEASURED:
        assert page.count(f'id="pool-{name}"') == 1
        assert f'href="#pool-{name}"' in page
    captions = [caption for _, caption in make_card(read, "stochastic").pictures]
    assert captions[:2] == ["pooled", "one draw in training"]
    assert make_card(read, "conv_stride").pictures == ()
    assert "http" not in page.replace("http://www.w3.org", "")
    assert f"at most {gallery.EQUIVARIANT:g}" in page
    assert (folder / "figures" / "extremes.png").is_file()


def test_the_page_is_drawn_the_same_every_time(written: Path) -> None:
    folder = written / "gallery"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    build_page(written)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(PoolscopeError, match=r"no table .*operators\.csv"):
        build_page(tmp_path)
