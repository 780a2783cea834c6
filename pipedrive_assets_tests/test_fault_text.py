"""What is said of an exception holds no row content."""

import errno

import duckdb
import pytest

from pipedrive_assets.fault_text import causes, described, interrupt_of, shown


class HasCode(Exception):
    pgcode = "23505"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyError("update_time"), "KeyError: 'update_time'"),
        (KeyError(4930123456), "KeyError"),
        (KeyError("anna@example.com"), "KeyError"),
        (KeyError("Anna Li"), "KeyError"),
        (KeyError("Anna"), "KeyError"),
        (KeyError("4930123456"), "KeyError"),
        (KeyError(("Anna", "Li")), "KeyError"),
        (ValueError("could not convert string to float: 'Anna Li'"), "ValueError"),
        (
            AttributeError("'NoneType' object has no attribute 'get'"),
            "AttributeError: 'NoneType' object has no attribute 'get'",
        ),
        (OSError(errno.ENOSPC, "Anna Li"), "OSError: No space left on device"),
        (OSError("Anna Li"), "OSError"),
        (HasCode("Key (email)=(anna@example.com) already exists."), "HasCode: SQLSTATE 23505"),
        (duckdb.ConstraintException('Duplicate key "name: Anna Li"'), "ConstraintException"),
        (
            duckdb.BinderException("Binder Error: column \"x\" not found!\nLINE 1: 'Anna Li'"),
            'BinderException: Binder Error: column "x" not found!',
        ),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_the_type_is_said_and_its_text_where_it_holds_no_row(error, expected):
    assert expected == described(error)


def test_everything_that_an_error_wraps_is_found():
    inner, outer = KeyError("x"), ValueError("y")
    inner.dbapi_exception = OSError(errno.EACCES, "z")
    outer.__cause__ = inner
    inner.__cause__ = outer

    assert [outer, inner, inner.dbapi_exception] == causes(outer)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, "7"),
        (1.5, "1.5"),
        (None, "null"),
        (True, "true"),
        ("Anna Li", "a text"),
        (["Anna Li"], "a list"),
        ({"name": "Anna Li"}, "an object"),
    ],
)
def test_of_a_value_only_a_number_is_quoted(value, expected):
    assert expected == shown(value)


def test_an_error_while_a_generator_is_closed_is_no_request_to_stop():
    def fail_at_the_end():
        try:
            yield
        finally:
            raise ZeroDivisionError

    generator = fail_at_the_end()
    next(generator)
    with pytest.raises(ZeroDivisionError) as caught:
        generator.close()

    assert isinstance(caught.value.__context__, GeneratorExit)
    assert interrupt_of(caught.value) is None
