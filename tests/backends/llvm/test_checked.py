"""Checked mode: kernels and plans that touch what is not theirs are caught, with the place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.errors import KernelError
from zqcnn_xp.ops import Activation, Conv2D, Elementwise, Pool2D
from zqcnn_xp_llvm.checked import CheckedExecutable
from zqcnn_xp_llvm.codegen.access import Access
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.kernels.copies import FillRuns
from zqcnn_xp_llvm.planner.storage import instruction

COUNT = 16  # a vector of any width


@dataclass(frozen=True)
class Wrong(Kernel):
    """Copy `COUNT` floats, and touch one more: in front or behind, by a float or a vector."""

    pointers: ClassVar[tuple[str, ...]] = ("x", "out")
    integers: ClassVar[tuple[str, ...]] = ("count",)

    where: str
    vector: bool = False

    def emit(self, e):
        x, out = e.pointer(0), e.pointer(1)
        with e.loop(self.integer(e, "count")) as turn:
            at = e.mul(turn.index, 4)
            e.store_scalar(e.load_scalar(e.at(x, at)), e.at(out, at))
        last = 4 * (COUNT - e.lanes + 1) if self.vector else 4 * COUNT
        place = {"behind": last, "in front": -4, "nowhere": 0}[self.where.split(":")[1]]
        if self.where.startswith("read"):
            value = e.load(e.at(x, place)) if self.vector else e.load_scalar(e.at(x, place))
            # What is read has to be used, or the optimiser drops it.
            first = e.b.extract_element(value, e.i64(0)) if self.vector else value
            e.store_scalar(e.b.fadd(e.load_scalar(out), first), out)
        elif self.where.startswith("write"):
            value = e.constant(-7.0) if self.vector else e.scalar(-7.0)
            (e.store if self.vector else e.store_scalar)(value, e.at(out, place))
        e.finish()


def arrays():
    return {"x": np.arange(1, COUNT + 1, dtype=np.float32), "out": np.zeros(COUNT, np.float32)}


def test_a_right_kernel_reports_nothing(harness, width):
    held = arrays()
    assert harness.call(Wrong("none:nowhere"), held, {"count": COUNT}, width=width) is None
    np.testing.assert_array_equal(held["out"], held["x"])


@pytest.mark.parametrize("vector", [False, True], ids=["float", "vector"])
@pytest.mark.parametrize("place", ["behind", "in front"])
@pytest.mark.parametrize("what", ["read", "write"])
def test_one_float_too_far_is_reported(harness, width, what, place, vector):
    held = arrays()
    kernel = Wrong(f"{what}:{place}", vector)
    access, at = harness.call(kernel, held, {"count": COUNT}, width=width)
    size = 4 * harness.lanes(width) if vector else 4
    assert access == Access(0 if what == "read" else 1, size, store=what == "write")
    assert at == (-4 if place == "in front" else 4 * COUNT + 4 - size)
    # What lies outside is led away: nothing around the array has changed, nothing in it either.
    assert not (held["out"] == -7.0).any()


def test_the_loop_that_runs_once_too_often_is_reported(harness, width):
    access, at = harness.call(Wrong("none:nowhere"), arrays(), {"count": COUNT + 1}, width=width)
    assert (access, at) == (Access(0, 4, store=False), 4 * COUNT)


def test_a_pointer_that_is_not_given_may_not_be_touched(harness, width):
    held = {"x": arrays()["x"]}
    access, _ = harness.call(Wrong("none:nowhere"), held, {"count": 1}, width=width)
    assert access == Access(1, 4, store=True)


@pytest.fixture
def plan(harness):
    """A checked executable of two convolutions, a pooling and a sum, with its inputs."""
    graph = harness.graph_of(
        [
            ("a", Conv2D(16, (3, 3), pads=(1, 1, 1, 1)), ["x"]),
            ("b", Conv2D(16, (3, 3), pads=(1, 1, 1, 1), activation=Activation("relu")), ["a"]),
            ("s", Elementwise("sum"), ["a", "b"]),
            ("y", Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1)), ["s"]),
        ],
        {"x": (2, 3, 18, 20)},
        ["y"],
    )
    xs = harness.draw({"x": (2, 3, 18, 20)})
    made = harness.backend(checked=True).compile(graph, {"x": (2, 3, 18, 20)})
    assert isinstance(made, CheckedExecutable)
    return made, {"x": np.ascontiguousarray(xs["x"].transpose(0, 2, 3, 1))}


def changed(made, step, **integers):
    """Change integers of the first instruction of a step, by what is added to them."""
    for work in (work for works in made.work for work in works):
        if any(a.step and step in a.step.name.split("+") for a in work.actions):
            one, *others = work.parts[0]
            words = list(one.integers)
            for name, more in integers.items():
                words[one.kernel.integers.index(name)] += more
            work.parts[0][:] = [replace(one, integers=tuple(words)), *others]
            return one.kernel
    raise AssertionError(f"no step {step}")


def test_a_plan_runs_within_its_bounds(plan):
    made, xs = plan
    (y,) = made(xs).values()
    np.testing.assert_array_equal(made(xs)["y"], y)


@pytest.mark.parametrize(("step", "integer"), [("a", "rows"), ("b", "rows"), ("y", "rows")])
def test_a_row_too_many_is_refused_or_harmless(plan, step, integer):
    """`bounded` leads further turns to the last row: nothing else is touched."""
    made, xs = plan
    (want,) = made(xs).values()
    changed(made, step, **{integer: 1})
    np.testing.assert_array_equal(made(xs)["y"], want)


@pytest.mark.parametrize("step", ["a", "b", "y"])
@pytest.mark.parametrize("integer", ["row_last", "tile_last"])
def test_a_tile_too_far_names_kernel_step_and_value(plan, step, integer):
    made, xs = plan
    kernel = changed(made, step, **{integer: 3, "rows": 8, "tiles": 8})
    with pytest.raises(KernelError) as caught:
        made(xs)
    error = caught.value
    assert error.kernel == type(kernel).__name__
    assert step in error.step.split("+")
    words = (error.found, error.value)
    assert "bytes behind" in error.found or "border" in error.found, words
    assert "value '" in error.value or error.value in ("a", "b", "s", "x"), words


def test_an_extra_write_into_a_border_is_caught(harness, plan):
    """Within the slot, so that only the comparison of borders can see it."""
    made, xs = plan
    bordered = [
        (work, action.writes)
        for works in made.work
        for work in works
        for action in work.actions
        if action.writes.slot is not None and not action.writes.layout.border.empty
    ]
    work, held = bordered[0]
    integers = {f"count{k}": 1 for k in range(4)} | {"count": 1}
    places = {"out": (held.buffer, held.slot.start)}
    work.parts[-1].append(instruction(FillRuns(5.0), places, integers))
    made.functions[FillRuns(5.0)] = harness.function_of(FillRuns(5.0))
    with pytest.raises(KernelError, match=r"a border of .* overwritten in 1 cells"):
        made(xs)


def test_changed_weights_are_seen(plan):
    made, xs = plan
    run = made.__call__
    run(xs)
    # A kernel's write into weights would be refused by bounds it has not; so one of ours.
    buffer = next(
        buffer
        for works in made.work
        for work in works
        for part in work.parts
        for i in part
        for buffer, _ in i.places
        if buffer.kind == "weights"
    )
    first = next(iter(made.functions))
    inner = made.functions[first]

    def meddling(address):
        inner(address)
        buffer.array[0] ^= 1

    made.functions[first] = meddling
    with pytest.raises(KernelError, match="weights changed"):
        run(xs)
    buffer.array[0] ^= 1


def test_what_no_step_has_written_is_not_a_number(plan):
    """A step that is left out shows in the result, whatever ran before."""
    made, xs = plan
    assert np.isfinite(made(xs)["y"]).all()
    made.work[0][0].parts[:] = [[]]
    assert np.isnan(made(xs)["y"]).any()
