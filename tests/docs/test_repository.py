from __future__ import annotations

import pytest

pytest.importorskip("sphinx", reason="the extra docs is not installed")

from building.repository import CHECKOUT, find_address, list_pages


@pytest.mark.parametrize(
    ("page", "file", "fragment", "address"),
    [
        ("tutorial", "experiments/RULES.md", "", ("doc", "generated/repository/experiments-rules")),
        ("tutorial", "experiments/README.md", "", ("doc", "generated/repository/experiments")),
        ("tutorial", "results/index.html", "", ("uri", "results/index.html")),
        ("a/b", "results/pool_type/report.md", "", ("uri", "../results/pool_type/report.html")),
        ("a/b", "results/operators/README.md", "why", ("uri", "../results/operators/README.md#why")),
        ("tutorial", "configs/pool/max.yaml", "", None),
        ("tutorial", "results/nosuch.csv", "", None),
    ],
)
def test_a_file_of_the_repository_has_an_address_in_the_site(
    page: str, file: str, fragment: str, address: tuple[str, str] | None
) -> None:
    assert find_address(page, CHECKOUT / file, fragment) == address


def test_pages_of_the_repository_have_names_of_their_own() -> None:
    pages = list_pages()
    assert len(set(pages)) == len(set(pages.values())) > 10
