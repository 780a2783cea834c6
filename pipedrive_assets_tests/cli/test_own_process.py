"""Garbage collection: a command sets it in its own process, a call of `main` changes nothing."""

import gc
import sys

import pytest

from pipedrive_assets.cli.main import main


@pytest.fixture(autouse=True)
def thresholds():
    """The thresholds before the test, which it leaves as they were."""
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_a_call_with_arguments_leaves_the_thresholds_of_the_process(thresholds, capsys):
    assert 0 == main(["--version"])

    assert thresholds == gc.get_threshold()


def test_the_command_of_a_process_raises_them(thresholds, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pipedrive_assets", "--version"])

    assert 0 == main()

    assert all(now > before for now, before in zip(gc.get_threshold(), thresholds, strict=True))
