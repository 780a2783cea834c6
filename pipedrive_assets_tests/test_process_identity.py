"""A process counts as ended only where that is certain."""

from dataclasses import replace

import pytest

from pipedrive_assets import process_identity
from pipedrive_assets.process_identity import ProcessIdentity

NO_PROCESS = 2**22 + 1
HERE = ProcessIdentity(machine="m 1", boot="b1", namespace="pid:[1]", pid=NO_PROCESS, started=1)


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.setattr(ProcessIdentity, "current", classmethod(lambda _: HERE))


def test_this_process_is_not_gone():
    assert not process_identity.ProcessIdentity.from_json(own()).is_gone()


def own():
    import os

    started = process_identity._started(os.getpid())
    return replace(HERE, pid=os.getpid(), started=started).to_json()


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({}, True),
        ({"namespace": "pid:[2]"}, False),
        ({"boot": "b2"}, True),
        ({"boot": "b2", "machine": "m 2"}, False),
        ({"boot": "b2", "machine": ""}, False),
        ({"boot": ""}, False),
    ],
    ids=[
        "no such process",
        "another container",
        "before a reboot",
        "another machine of that name",
        "a machine without an id",
        "another system",
    ],
)
def test_a_process_is_gone_only_where_that_is_certain(change, gone):
    assert gone is replace(HERE, **change).is_gone()


def test_a_process_id_that_was_given_again_is_another_process():
    import os

    assert replace(HERE, pid=os.getpid(), started=-1).is_gone()


def test_outside_linux_the_network_address_identifies_the_machine(monkeypatch):
    here = replace(HERE, boot="", namespace="", machine="0242ac110002")
    monkeypatch.setattr(ProcessIdentity, "current", classmethod(lambda _: here))

    assert here.is_gone()
    assert not replace(here, machine="0242ac110003").is_gone()


@pytest.mark.parametrize("text", ["", "host/123", "[]", "{}", '{"pid": 1}', "null"])
def test_text_of_another_form_is_no_identity(text):
    assert ProcessIdentity.from_json(text) is None
