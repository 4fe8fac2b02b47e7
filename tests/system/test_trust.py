"""Code outside of this package is imported where its module is named, and not otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hela_seg.system.errors import InputError
from hela_seg.system.trust import import_trusted, is_trusted, modules_of, trusted_modules


@pytest.mark.parametrize(
    ("module", "trust", "trusted"),
    [
        ("lab", ["lab"], True),
        ("lab.nets.unet", ["other", "lab.nets"], True),
        ("lab", ["lab.nets"], False),
        ("laboratory", ["lab"], False),
        ("lab", [], False),
        ("", [""], False),
        ("lab", [""], False),
    ],
)
def test_a_module_is_trusted_with_those_inside_of_it(module: str, trust: list[str], trusted: bool) -> None:
    assert is_trusted(module, trust) == trusted


def test_one_module_is_named_without_a_list() -> None:
    assert (modules_of("lab"), modules_of(["a", "b"]), modules_of(None)) == (("lab",), ("a", "b"), ())


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that says when it is imported."""
    (tmp_path / "lab_code.py").write_text(
        f"open({str(tmp_path / 'imported')!r}, 'w').close()\nfrom os import system\nclass Net: pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "lab_code", raising=False)
    return tmp_path


def test_without_trust_nothing_is_imported(lab: Path) -> None:
    for trust in ([], ["lab"], ["os"]):
        with pytest.raises(InputError, match=r"model\._target_ is 'lab_code\.Net'.* add trust=lab_code if"):
            import_trusted("lab_code.Net", trust, "model._target_")
    assert not (lab / "imported").exists()
    assert import_trusted("lab_code.Net", ["lab_code"], "model._target_").__name__ == "Net"
    assert (lab / "imported").exists()


@pytest.mark.parametrize(
    ("name", "message"), [("system", "defined in "), ("Nothing", "cannot be imported .*AttributeError")]
)
def test_what_a_trusted_module_does_not_define_is_refused(name: str, message: str, lab: Path) -> None:
    with pytest.raises(InputError, match=message):
        import_trusted(f"lab_code.{name}", ["lab_code"], "loss._target_")


def test_an_installed_package_names_its_modules(lab: Path) -> None:
    installed = lab / "lab_code-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: lab_code\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[hela_seg.nets]\nany = lab_code:Net\n[others]\na = b\n")
    assert trusted_modules(["mine"]) == ("mine", "lab_code")
    assert not (lab / "imported").exists()
