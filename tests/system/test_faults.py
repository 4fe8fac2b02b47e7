"""Exceptions of ours, of Hydra and of the system, in one line for the user."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.errors import InstantiationException, MissingConfigException, OverrideParseException

from hela_seg.system.errors import InputError
from hela_seg.system.faults import user_message


def test_the_cause_of_an_exception_counts() -> None:
    error = RuntimeError("while building")
    error.__cause__ = InputError("no such\nfolder")
    assert user_message(error) == "no such folder"


@pytest.mark.parametrize(
    "error", [RuntimeError("bug"), ValueError("bug"), OSError("no file is named"), KeyError("bug")]
)
def test_a_fault_of_ours_has_no_message(error: Exception) -> None:
    assert user_message(error) is None


def test_a_worker_that_was_killed_is_no_fault_of_ours() -> None:
    killed = type("UncompletedJobError", (RuntimeError,), {"__module__": "submitit.core.utils"})
    said = user_message(killed("Job 7 (task: 0)\nhas not produced any output"))
    assert said is not None
    assert said.startswith("a worker of submitit did not come to its end (Job 7 (task: 0) has not")


def test_a_package_that_is_not_there_comes_with_what_installs_it() -> None:
    error = MissingConfigException(
        "In 'train': Could not find 'hydra/launcher/ray'\nAvailable options: basic"
    )
    assert user_message(error) == 'hydra/launcher/ray is not installed: run pip install "hela-seg[cluster]"'


def test_what_helps_only_the_author_of_a_program_is_left_out() -> None:
    error = MissingConfigException(
        "Could not find 'model/vgg'\nConfig search path:\n\tprovider=hydra, path=pkg://hydra.conf"
    )
    assert user_message(error) == "Could not find 'model/vgg': see --help for the groups and keys"


def test_an_override_that_is_not_understood_is_named() -> None:
    error = OverrideParseException("seed=(1", "mismatched input\nat line 1")
    said = user_message(error)
    assert said is not None
    assert said.startswith("seed=(1 is not understood (mismatched input): ")


def test_a_wrong_argument_in_a_configuration_is_the_users_and_an_error_inside_is_ours() -> None:
    for cause, ours in [
        (TypeError("unexpected keyword argument 'widht'"), False),
        (TypeError("1 + 'a'"), True),
    ]:
        error = InstantiationException(f"Error in call to target 'hela_seg.models.unet.UNet': {cause}")
        error.__cause__ = cause
        assert (user_message(error) is None) == ours


def test_the_operating_systems_refusals_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        (tmp_path / "absent").read_bytes()
    lines = "No such file or directory; check the path, its permissions and the free space"
    assert user_message(raised.value) == f"{tmp_path / 'absent'}: {lines}"
