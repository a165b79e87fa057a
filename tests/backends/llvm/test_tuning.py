"""Autotuning: what overrules the cost rule, what does not, and that it happens once.

Times are prescribed: nothing here depends on the machine.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.layout import to_storage
from zqcnn_xp.ops import Activation, Conv2D
from zqcnn_xp_llvm import LlvmBackend, tuning
from zqcnn_xp_llvm.cache import ObjectCache
from zqcnn_xp_llvm.choices import Choices
from zqcnn_xp_llvm.target import host_target
from zqcnn_xp_llvm.tuning import Meter, tune

SHAPE = (1, 16, 12, 12)
WIDE = host_target().name == "AVX-512"


def net(harness, seed=0):
    same = Conv2D(16, (3, 3), pads=(1, 1, 1, 1))
    nodes = [("a", same, ["x"]), ("r", Activation("relu"), ["a"]), ("b", same, ["r"])]
    return harness.graph_of(nodes, {"x": SHAPE}, ["b"], seed)


def sides(plan):
    return tuning._sides(plan)


class Prescribed:
    """Stands for a `Meter`: times are those of a table."""

    steps_asked = 0

    def __init__(self, ratios=None, times=None, over=False):
        self.ratios = ratios or (lambda other, best: 1.0)
        self.times = times or {}
        self.over = over

    def __call__(self, inputs, timer):
        self.inputs = inputs
        return self

    def ratio(self, other, best):
        return self.ratios(other, best)

    def steps(self, plans):
        self.steps_asked += 1
        return [
            {
                frozenset(node.name for node in action.step.nodes): self.times.get(
                    (action.step.name, sides(plan)[action.step.name]), 1.0
                )
                for actions in plan.template.actions
                for action in actions
                if action.step is not None
            }
            for plan in plans
        ]


@pytest.fixture
def tuned(harness, monkeypatch, tmp_path):
    """Compile the network with prescribed times; notes go to a folder of the test's own."""

    def compiled(meter, *, seed=0, width=None, shape=SHAPE, **options):
        monkeypatch.setattr(tuning, "Meter", meter)
        made = LlvmBackend(autotune=True, threads=1, width=width, **options)
        graph = net(harness, seed)
        monkeypatch.setattr(made.plans(graph).code, "cache", ObjectCache(tmp_path / "notes"))
        plan = made.compile(graph, {"x": shape})
        xs = harness.draw({"x": shape})
        found = harness.run(made, graph, xs)
        harness.compare(found, harness.expected(graph, xs), harness.TRANSFORMED)
        return plan

    return compiled


def rule(harness):
    """What the cost rule chooses."""
    made = LlvmBackend(threads=1)
    return sides(made.compile(net(harness), {"x": SHAPE}))


def other_side(harness, name):
    return next(m for m in (0, 4, 2) if m != rule(harness)[name])


def test_a_little_faster_is_not_enough(harness, tuned):
    times = {("b", other_side(harness, "b")): 0.96}
    plan = tuned(Prescribed(lambda other, best: 0.96, times))
    assert plan.remarks == ()
    assert plan.template.pool.target.lanes == host_target().lanes
    assert sides(plan) == rule(harness)


def test_a_faster_transform_is_taken_and_shown(harness, tuned):
    m = other_side(harness, "b")
    meter = Prescribed(lambda other, best: 1.0 if sides(other) == sides(best) else 0.9)
    meter.times = {("b", m): 0.9}
    plan = tuned(meter, width=host_target().lanes * 32)
    assert sides(plan) == rule(harness) | {"b": m}
    assert plan.template.pool.transforms == {"b": m}
    rows = {row.name: row.kernel for row in plan.plan_table().rows}
    assert rows["b"].endswith(", measured")
    assert not rows["a+r"].endswith(", measured")
    (remark,) = plan.plan_table().remarks
    assert "b " in remark
    x = to_storage(np, harness.draw({"x": SHAPE})["x"])
    kernels = {step.name: step.kernel for step in plan.trace({"x": x})}
    assert kernels["b"] == rows["b"]


def test_transforms_that_make_the_whole_no_faster_are_not_taken(harness, tuned):
    meter = Prescribed(lambda other, best: 0.99, {("b", other_side(harness, "b")): 0.5})
    plan = tuned(meter)
    assert plan.remarks == ()
    assert sides(plan) == rule(harness)


@pytest.mark.skipif(not WIDE, reason="short vectors are tried on AVX-512 alone")
def test_shorter_vectors_are_taken_where_they_are_faster(tuned):
    plan = tuned(Prescribed(lambda other, best: 0.9))
    assert plan.template.pool.target.name == "AVX-512VL"
    assert plan.remarks == Choices(256).remarks
    assert "8 floats" in plan.plan_table().target


@pytest.mark.skipif(not WIDE, reason="short vectors are tried on AVX-512 alone")
def test_vectors_that_were_asked_for_stay(tuned):
    plan = tuned(Prescribed(lambda other, best: 0.5), width=512)
    assert plan.template.pool.target.name == "AVX-512"


def test_exact_plans_try_no_transform(harness, tuned):
    meter = Prescribed(times={("b", 4): 0.1})
    plan = tuned(meter, exact=True)
    assert meter.steps_asked == 0
    assert set(sides(plan).values()) == {0}


def test_the_next_process_tunes_nothing(harness, tuned):
    m = other_side(harness, "b")
    faster = Prescribed(lambda other, best: 0.9, {("b", m): 0.5})
    first = tuned(faster)

    def fail(*_):
        raise AssertionError("tuned again")

    again = tuned(fail, seed=1)  # other weights, the same times
    assert again.remarks == first.remarks != ()
    assert sides(again) == sides(first)
    with pytest.raises(AssertionError, match="tuned again"):
        tuned(fail, shape=(1, 16, 12, 13))
    with pytest.raises(AssertionError, match="tuned again"):
        tuned(fail, exact=True)


def test_batches_of_a_size_share_what_was_tuned(harness, tuned, monkeypatch):
    made = []

    class Counted(Prescribed):
        def __call__(self, inputs, timer):
            made.append({name: x.shape for name, x in inputs.items()})
            return super().__call__(inputs, timer)

    monkeypatch.setattr(tuning, "Meter", Counted())
    backend = LlvmBackend(autotune=True, threads=1)
    graph = net(harness)
    monkeypatch.setattr(backend.plans(graph).code, "cache", None)
    for count in (1, 3):
        backend.compile(graph, {"x": (count, *SHAPE[1:])})
    assert made == [{"x": (1, 12, 12, 16)}]


def test_time_that_is_up_ends_it(harness, tuned, monkeypatch):
    meter = Prescribed(lambda other, best: 0.5, {("b", 0): 0.5, ("b", 2): 0.5}, over=True)
    plan = tuned(meter)
    assert plan.remarks == ()
    assert meter.steps_asked == 0


def test_a_wrong_result_is_never_taken(harness):
    backend = LlvmBackend(threads=1)
    graph = net(harness)

    class Wrong:
        def __init__(self, plan):
            self.plan, self.template = plan, plan.template

        def __call__(self, inputs):
            return {name: y * np.float32(1.001) for name, y in self.plan(inputs).items()}

    plan = backend.compile(graph, {"x": SHAPE})
    meter = Prescribed(lambda other, best: 0.1, {("b", 0): 0.1, ("b", 2): 0.1, ("b", 4): 0.1})
    meter.inputs = {"x": to_storage(np, harness.draw({"x": SHAPE})["x"])}
    made = []

    def make(choices):
        made.append(choices)
        return plan if choices == Choices() else Wrong(plan)

    assert tune(make, meter, widths=(256,)) == (Choices(), True)
    assert Choices(256) in made


def test_not_a_number_in_the_same_place_is_the_same():
    want = {"y": np.float32([1, np.nan, np.inf])}
    assert tuning._same({"y": np.float32([1.00001, np.nan, np.inf])}, want)
    assert not tuning._same({"y": np.float32([1, 0, np.inf])}, want)
    assert not tuning._same({"y": np.float32([1, np.nan, -np.inf])}, want)
    assert not tuning._same({"y": np.float32([np.nan, np.nan, np.inf])}, want)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def runner(clock, seconds):
    """A plan whose runs take these seconds, one after the other."""
    left = list(seconds)

    def run(inputs):
        clock.now += left.pop(0)

    return run


def test_plans_run_in_turns_and_medians_count():
    clock = Clock()
    meter = Meter({}, clock, limit=1000.0)
    # The first run of each warms up; a busy moment hits both.
    other = runner(clock, [9, 1, 1, 50, 1, 1, 1, 1, 1, 1])
    best = runner(clock, [9, 2, 2, 50, 2, 2, 2, 2, 2, 2])
    assert meter.ratio(other, best) == 0.5


def test_few_rounds_are_run_when_time_is_up():
    clock = Clock()
    meter = Meter({}, clock, limit=1.0)
    assert not meter.over
    other = runner(clock, [1, 3, 3, 3])  # a fourth round would fail
    best = runner(clock, [1, 4, 4, 4])
    assert meter.ratio(other, best) == 0.75
    assert meter.over


def test_steps_of_plans_by_the_names_of_their_nodes(harness):
    clock = Clock()
    plan = LlvmBackend(threads=1).compile(net(harness), {"x": SHAPE})
    reads = []

    def timer():
        reads.append(1)
        clock.now += 1.0
        return clock.now

    inputs = {"x": to_storage(np, harness.draw({"x": SHAPE})["x"])}
    one, two = Meter(inputs, timer, limit=10.0).steps([plan, plan])
    names = {name for unit in one for name in unit}
    assert names == {"a", "r", "b"}
    assert one == two
    # Every stage took one tick; copies count to the step behind them.
    assert sum(one.values()) <= len(plan.plan_table().rows)
    assert sum(one.values()) >= len(one)


def test_the_setting(monkeypatch):
    assert not LlvmBackend().autotune
    monkeypatch.setenv("ZQCNN_XP_AUTOTUNE", "1")
    assert LlvmBackend().autotune
    assert not LlvmBackend(autotune=False).autotune
