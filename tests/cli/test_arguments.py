"""What is typed reaches the configuration unharmed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.cli import COMMANDS, Command, arguments, overrides, setting
from hela_seg.system.errors import InputError

PREDICT = COMMANDS["predict"]


def parsed(override: str) -> object:
    return OverridesParser.create().parse_override(override).value()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["best.ckpt", "film.tif", "-o", "out"], ["ckpt='best.ckpt'", "input='film.tif'", "output='out'"]),
        (["input=film.tif", "best.ckpt"], ["input='film.tif'", "ckpt='best.ckpt'"]),
        (["ckpt=[a.ckpt,b.ckpt]"], ["ckpt=[a.ckpt,b.ckpt]"]),
        (["[a.ckpt,b.ckpt]", "film.tif"], ["ckpt=[a.ckpt,b.ckpt]", "input='film.tif'"]),
        (["ckpt='a b.ckpt'"], ["ckpt='a b.ckpt'"]),
        (["overwrite=true", "--cfg", "job"], ["--cfg", "job", "overwrite=true"]),
        (["output=null"], ["output=null"]),
        (["-v", "a.ckpt"], ["verbose=true", "ckpt='a.ckpt'"]),
        (["ckpt=a.ckpt,b.ckpt", "-m", "axes=TYX"], ["-m", "ckpt=a.ckpt,b.ckpt", "axes=TYX"]),
    ],
)
def test_positions_and_options_become_overrides(typed: list[str], expected: list[str]) -> None:
    assert overrides(PREDICT, typed) == expected


@pytest.mark.parametrize(
    "path",
    ["my cells", "a (1)", "x,y", "k=v", "Zellen für Müller", "it's", "back\\slash\\", "[1]", "{a}", "a:b #1"],
)
def test_a_path_means_what_the_shell_means(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(path).mkdir()
    for typed in ([f"input={path}"], [path]):
        (override,) = overrides(Command(("input",), paths=frozenset({"input"})), typed)
        assert parsed(override) == path


def test_a_folder_named_as_a_setting_leaves_it_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("seed=0", "model=unet", "axes=TYX", "lr=0.1"):
        Path(name).mkdir()
    assert overrides(COMMANDS["train"], ["seed=0", "model=unet"]) == ["seed=0", "model=unet"]
    assert overrides(PREDICT, ["a.ckpt", "axes=TYX"]) == ["ckpt='a.ckpt'", "axes=TYX"]
    assert overrides(PREDICT, ["seed=0"]) == ["ckpt='seed=0'"]  # predict has no such key
    assert overrides(COMMANDS["compare"], ["lr=0.1", "./seed=0"]) == ["runs=['lr=0.1','./seed=0']"]


def test_the_users_folder_is_meant_by_a_tilde_in_paths_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    typed = ["input=~/movie.tif", "-o", "out", "shard=~/x"]
    assert overrides(PREDICT, typed) == [f"input='{tmp_path}/movie.tif'", "output='out'", "shard=~/x"]
    assert overrides(COMMANDS["train"], ["data.root=~/cells"]) == [f"data.root='{tmp_path}/cells'"]
    Path("~").mkdir()
    assert overrides(PREDICT, ["input=~"]) == ["input='~'"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r$"), min_size=1))
def test_quoting_survives_hydras_grammar(path: str) -> None:
    assert parsed(arguments._quoted("input", path)) == path


def test_an_argument_too_many_and_an_option_without_value_are_refused() -> None:
    with pytest.raises(InputError, match="'c' is one argument too many, expected ckpt and input, and"):
        overrides(PREDICT, ["a", "b", "c"])
    with pytest.raises(InputError, match="-o stands last"):
        overrides(PREDICT, ["a", "b", "-o"])


@pytest.mark.parametrize("typed", ["data.root={folder}/my cells (1)", "{folder}/my cells (1)"])
def test_a_path_that_the_shell_cut_at_its_blanks_is_offered_whole(typed: str, tmp_path: Path) -> None:
    (tmp_path / "my cells (1)").mkdir()
    whole = typed.format(folder=tmp_path)
    command = COMMANDS["check"] if "=" in typed else PREDICT
    with pytest.raises(InputError) as refused:
        overrides(command, ["best.ckpt", *whole.split()] if command is PREDICT else whole.split())
    assert str(refused.value).endswith(f"did you mean '{whole}'?")


def test_a_folder_alone_is_answered_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=f"one argument too many, .* did you mean data=auto data.root={tmp_path}?"
    ):
        overrides(COMMANDS["check"], [str(tmp_path)])


@pytest.mark.parametrize("typed", [["data.classes=[a,", "b]"], ["channels=[0,", "1]"]])
def test_a_list_with_a_blank_that_the_shell_took_for_an_end_is_refused(typed: list[str]) -> None:
    with pytest.raises(InputError, match="is cut in two at its blank"):
        overrides(COMMANDS["train" if "data" in typed[0] else "predict"], typed)


def test_the_nearest_name_is_offered_for_a_path_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "Zellen für Anna").touch()
    with pytest.raises(InputError, match=f"did you mean {tmp_path / 'Zellen für Anna'}?"):
        arguments.refuse_absent(str(tmp_path / "Zellen fuer Anna"), "input")


def test_a_long_list_is_no_path_that_is_too_long() -> None:
    named = f"data.classes=[{','.join(f'class {number}' for number in range(100))}]"
    assert overrides(COMMANDS["train"], [named]) == [named]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("data.images={series}/phase_{t}.tif", "data.images='{series}/phase_{t}.tif'"),
        ("data.masks={id}/masks/*.png", "data.masks='{id}/masks/*.png'"),
        ("data.images=[{n}_a.tif, {n}_b.tif]", "data.images=['{n}_a.tif','{n}_b.tif']"),
        (
            "data.masks={round: {n}_r.png, spread: {n}_s.png}",
            "data.masks={round: '{n}_r.png',spread: '{n}_s.png'}",
        ),
        ("data.images=['{n}, a.tif']", "data.images=['{n}, a.tif']"),
        ("data.images=[]", "data.images=[]"),
    ],
)
def test_patterns_need_no_quotes_beside_those_of_the_shell(typed: str, expected: str) -> None:
    assert overrides(COMMANDS["train"], [typed]) == [expected]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["loss._target_=my.Loss"], ["++loss._target_=my.Loss"]),
        (
            ["loss._target_=my.Loss", "loss.share=0.5", "loss=dice", "losses.a=1"],
            ["++loss._target_=my.Loss", "++loss.share=0.5", "loss=dice", "losses.a=1"],
        ),
        (
            ["+callbacks.a._target_=my.A", "callbacks.b.x=1"],
            ["+callbacks.a._target_=my.A", "callbacks.b.x=1"],
        ),
        (["data._target_=my.Data", "data.tile=[8,8]"], ["data._target_=my.Data", "data.tile=[8,8]"]),
    ],
)
def test_keys_of_a_class_that_is_typed_may_be_new(typed: list[str], expected: list[str]) -> None:
    assert overrides(COMMANDS["train"], typed) == expected


WITHOUT_HYDRA = """
import sys
from hela_seg.cli import main
statuses = [main("predict", ["nowhere.ckpt", "movie.tif", "-o", "out"]), main("train", ["--epochs", "5"])]
statuses += [main("train", ["data=folder", "data.root=nowhere"]), main("train", ["--help", "loss"])]
statuses += [main("check", ["data=folder", "data.root=nowhere"]), main("compare", [".", "nowhere"])]
print(statuses, {"hydra", "torch", "yaml", "numpy"} & set(sys.modules))
"""


def test_paths_and_options_are_looked_at_before_anything_slow_is_imported(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_HYDRA], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[2, 2, 2, 0, 2, 2] set()"
    refused = done.stderr.splitlines()
    assert refused[0].startswith("error: nowhere.ckpt is not there, expected a file or folder to read")
    assert all(line.startswith("error: nowhere is not there") for line in refused[2:])


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r$"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.from_regex(r"key_[a-z]{1,3}", fullmatch=True), inside, max_size=3)
    ),
    max_leaves=6,
)


@given(VALUES)
def test_a_value_of_python_comes_back_from_hydras_grammar(value: object) -> None:
    assert parsed(setting("data.anything", value)) == value
