import json

import pytest
from torch.utils.data import DataLoader, Dataset

from hela_seg.system.errors import InputError, import_extra, join_names, message_of, not_installed, one_line

SAYS = "/data/my\nfilm (ä).tif is damaged: copy the file again"


class Bad(Dataset):
    def __init__(self, cause=None):
        self.cause = cause

    def __len__(self):
        return 4

    def __getitem__(self, index):
        raise InputError(SAYS) from self.cause


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("cause", [None, InputError("another one"), ValueError("Caught")])
def test_what_was_said_in_a_worker_comes_out_as_it_was_said(workers, cause):
    with pytest.raises(InputError) as raised:
        next(iter(DataLoader(Bad(cause), num_workers=workers)))
    assert ("Traceback" in str(raised.value)) == (workers > 0)  # else this guards nothing
    assert message_of(raised.value) == SAYS


def test_other_messages_are_left_alone():
    assert message_of(InputError("a\nCaught InputError in b")) == "a\nCaught InputError in b"


def test_a_missing_package_is_named_with_what_brings_it():
    said = str(not_installed("cells.parquet", "pyarrow", "parquet", "let it end in .csv"))
    assert said == (
        "cells.parquet needs the package pyarrow, which is not installed: "
        'run pip install "hela-seg[parquet]", or let it end in .csv'
    )


def test_packages_of_an_extra_are_imported_all_of_them_or_the_missing_one_is_named():
    assert import_extra("json", "csv", what="reports", extra="reports") is json
    with pytest.raises(InputError, match=r'reports needs the package no_such_one, .* "hela-seg\[reports\]"'):
        import_extra("json", "no_such_one", what="reports", extra="reports")


@pytest.mark.parametrize(
    ("items", "between", "expected"),
    [
        ([], ", ", ""),
        (["a", "b"], ", ", "a, b"),
        (["a", "b", "c"], ", ", "a, b and 1 more"),
        (["a", "b", "c", "d"], "; ", "a; b; and 2 more"),
    ],
)
def test_of_many_the_first_are_named_and_the_others_counted(items, between, expected):
    assert join_names(items, most=2, between=between) == expected


def test_faults_of_one_kind_are_told_once_and_of_many_kinds_the_first_five():
    assert one_line(list("abcdefg")) == "a; b; c; d; e; and 2 more"
    assert one_line(["no mask for 'a'", "no mask for 'b'"]) == "2 times: no mask for 'a' (b likewise)"
