"""Docstrings have the sections that a caller needs; ruff checks that sections match the code."""

import ast
import functools
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pipedrive_assets"
MANY_PARAMETERS = 3
"""From so many parameters on, their names do not explain themselves."""


@functools.cache
def functions():
    """Every public function and method, with the file that has it."""
    return tuple(found())


def found():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            if is_public and not is_command(node):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}", node


def is_command(function):
    """Whether click shows the docstring as the help of a command."""
    return any(".command(" in ast.unparse(each) for each in function.decorator_list)


def parameters(function):
    every = (*function.args.args, *function.args.kwonlyargs)
    return [each.arg for each in every if each.arg not in {"cls", "self"} and each.arg[0] != "_"]


def own_nodes(function):
    """The nodes of a function without those of functions inside it."""
    pending = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            pending.extend(ast.iter_child_nodes(node))


def raises(function):
    return any(isinstance(node, ast.Raise) and node.exc for node in own_nodes(function))


def says_what_it_returns(function):
    summary = (ast.get_docstring(function) or "").split()[:1]
    text = ast.get_docstring(function) or ""
    return (
        summary in (["Return"], ["Yield"], ["Whether"]) or "Returns:" in text or "Yields:" in text
    )


@pytest.mark.parametrize(
    ("section", "is_needed"),
    [
        ("Args:", lambda function: len(parameters(function)) >= MANY_PARAMETERS),
        ("Raises:", raises),
    ],
)
def test_public_functions_document_what_a_caller_needs(section, is_needed):
    lacking = [
        where
        for where, function in functions()
        if is_needed(function) and section not in (ast.get_docstring(function) or "")
    ]

    assert [] == lacking


def test_docstrings_with_arguments_say_what_is_returned():
    lacking = [
        where
        for where, function in functions()
        if "Args:" in (ast.get_docstring(function) or "")
        and any(isinstance(node, ast.Return) and node.value for node in own_nodes(function))
        and not says_what_it_returns(function)
    ]

    assert [] == lacking
