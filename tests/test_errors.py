"""Errors: one tree, clear words, and safe passage between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from zqcnn_xp import errors


def test_every_error_derives_from_the_base():
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.ZqcnnError | Warning), name


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.FormatError, ValueError),
        (errors.GraphError, ValueError),
        (errors.ShapeError, ValueError),
        (errors.InputError, ValueError),
        (errors.InputError, TypeError),
        (errors.ImageError, ValueError),
        (errors.ConfigError, ValueError),
        (errors.BackendUnavailable, RuntimeError),
        (errors.DatasetError, ValueError),
        (errors.StoreError, ValueError),
        (errors.StoreLocked, RuntimeError),
        (errors.PackageMissing, ImportError),
    ],
)
def test_callers_may_catch_the_builtin(kind, builtin):
    assert issubclass(kind, builtin)


def test_a_format_error_says_where_what_and_what_was_expected():
    error = errors.FormatError("a.zqparams", "line 3", "'x'", "a number")
    assert str(error) == "a.zqparams, line 3: found 'x', expected a number"
    assert (error.file, error.where, error.found, error.expected) == (
        "a.zqparams",
        "line 3",
        "'x'",
        "a number",
    )


def test_a_format_error_may_have_no_place():
    error = errors.FormatError("a.onnx", "", "nothing", "a model")
    assert str(error) == "a.onnx: found nothing, expected a model"


def test_an_unavailable_backend_names_the_pip_command_if_there_is_one():
    assert str(errors.BackendUnavailable("no GPU")) == "no GPU"
    assert "pip install x" in str(errors.BackendUnavailable("no x", pip="pip install x"))


@pytest.mark.parametrize("twin", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize(
    "error",
    [
        errors.FormatError("f", "line 1", "a", "b"),
        errors.BackendUnavailable("no x", pip="pip install x"),
        errors.BackendUnavailable("no x"),
        errors.DatasetError("f", "byte 1", "a", "b"),
        errors.StoreLocked("f", "", "a", "b"),
        errors.PackageMissing("x needs y", "pip install y"),
        errors.KernelError("Turn", "conv1", "x", "a write at byte 64", "bytes 0 to 64"),
        errors.ShapeError("s"),
        errors.InputError("i"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_errors_can_travel_between_processes(error, twin):
    other = twin(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)
