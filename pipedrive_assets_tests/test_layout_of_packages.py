"""How the packages are laid out: public class names are unique, old public imports still work."""

import ast
import importlib
from collections import defaultdict
from pathlib import Path

import pytest

import pipedrive_assets
from pipedrive_assets import dlt_source

PACKAGE = Path(pipedrive_assets.__file__).parent


def test_no_two_public_classes_share_a_name():
    places = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(PACKAGE)))

    assert {} == {name: found for name, found in places.items() if len(found) > 1}


def test_every_package_states_its_responsibility():
    missing = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("__init__.py")
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]

    assert [] == missing


@pytest.mark.parametrize(
    "name", ["ENTITY_MAPPINGS", "RECENTS_ENTITIES", "pipedrive_source", "unfinished"]
)
def test_the_old_path_of_the_dlt_source_works_with_a_warning(name):
    source = importlib.import_module("pipedrive_assets.source")

    with pytest.warns(DeprecationWarning, match="pipedrive_assets.dlt_source"):
        found = getattr(source, name)

    assert found is getattr(dlt_source, name)


def test_an_unknown_name_of_the_old_path_is_an_attribute_error():
    source = importlib.import_module("pipedrive_assets.source")

    with pytest.raises(AttributeError, match="has no attribute 'load'"):
        _ = source.load
