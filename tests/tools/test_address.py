"""The address of the course: what follows from it, and that nothing does while there is none."""

import shutil

import pytest

import address

HERE = "https://github.com/owner/name"


@pytest.fixture
def copy(root, tmp_path):
    for name in ("README.md", "CITATION.cff", "pyproject.toml"):
        shutil.copy(root / name, tmp_path)
    return tmp_path


def settle(folder, url):
    text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "Repository = " not in line]
    lines.insert(lines.index("[project.urls]") + 1, f'Repository = "{url}"')
    (folder / "pyproject.toml").write_text("\n".join(lines), encoding="utf-8")


def test_without_an_address_nothing_is_shown(copy):
    settle(copy, "")
    assert address.find(copy) == ""
    assert address.badge("", "notebooks/01.ipynb") == ""
    made = address.applied(copy, {})
    assert "colab-badge" not in made["README.md"]
    assert "<!-- address -->\n<!-- end -->" in made["README.md"]
    assert "repository-code" not in made["CITATION.cff"]


@pytest.mark.parametrize("url", [HERE, f"{HERE}/", f"{HERE}.git"])
def test_badge_lines_and_citation_follow_from_it_and_go_with_it(copy, url):
    without = address.applied(copy, {})
    settle(copy, url)
    assert address.find(copy) == HERE
    made = address.applied(copy, {})
    assert "colab.research.google.com/github/owner/name/blob/main/notebooks/00" in made["README.md"]
    assert f"%pip install -q --no-deps git+{HERE}\n" in made["README.md"]
    assert f'\nrepository-code: "{HERE}"\n' in made["CITATION.cff"]
    settle(copy, "")
    assert address.applied(copy, made) == without


def test_what_other_tables_wrote_is_kept(copy):
    text = "new\n<!-- address -->\nold\n<!-- end -->\n"
    made = address.applied(copy, {"README.md": text})
    assert made["README.md"].startswith("new\n<!-- address -->\n")
    assert "old" not in made["README.md"]


@pytest.mark.parametrize("url", ["github.com/a/b", "https://example.org/a", f"{HERE}/tree/main"])
def test_another_address_is_refused(copy, url):
    settle(copy, url)
    with pytest.raises(address.AddressError, match="must look like https://github.com/owner/name"):
        address.find(copy)
