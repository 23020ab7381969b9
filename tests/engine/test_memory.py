"""Who leaves under a budget, and what a call is told that cannot have its models. Sizes are small on purpose."""

from __future__ import annotations

import pytest

from sidecar.engine.memory import MIB, NOTHING, Amount, Budget, Memory
from sidecar.errors import Overloaded, Unavailable

SIZES = {"small": 10, "middle": 20, "large": 40, "other": 20}


def memory(limit: int | None = 100, *, vram: int | None = None, pinned: tuple[str, ...] = ()) -> Memory:
    return Memory(Budget(limit, vram), SIZES, frozenset(pinned))


def loaded(policy: Memory, *models: str, lane: str = "general", now: float = 0.0) -> None:
    """A lane has exactly these models, each of which cost what its files take."""
    policy.seen(lane, {name: Amount(SIZES[name]) for name in models}, now)


def test_what_fits_makes_nobody_leave() -> None:
    policy = memory()
    loaded(policy, "small", "middle")
    plan = policy.plan(Amount(60), wanted=[("general", "large")])
    assert plan.fits and plan.leaving == () and plan.needed == Amount(40)


def test_the_least_recently_used_leaves_first_and_no_more_than_needed() -> None:
    policy = memory()
    loaded(policy, "small", "middle", "other")
    policy.used("general", ["middle"], 1.0)
    policy.used("general", ["small"], 2.0)
    policy.used("general", ["other"], 3.0)
    assert policy.plan(Amount(70), wanted=[("general", "large")]).leaving == (("general", "middle"),)
    policy.used("general", ["middle"], 4.0)
    both = (("general", "small"), ("general", "other"))
    assert policy.plan(Amount(85), wanted=[("general", "large")]).leaving == both


def test_a_model_counts_as_used_when_it_is_loaded_and_not_again_at_each_report() -> None:
    policy = memory()
    loaded(policy, "small", now=1.0)
    policy.used("general", ["small"], 2.0)
    loaded(policy, "small", "middle", now=3.0)
    loaded(policy, "small", "middle", now=9.0)
    policy.used("general", ["small"], 4.0)
    assert policy.plan(Amount(80), wanted=[("general", "large")]).leaving == (("general", "middle"),)


def test_pinned_models_and_those_in_use_stay() -> None:
    policy = memory(pinned=("small",))
    loaded(policy, "small", "middle", "other")
    plan = policy.plan(Amount(80), wanted=[("general", "large")], busy=[("general", "middle")])
    assert plan.leaving == (("general", "other"),) and plan.fits


def test_the_same_model_in_another_lane_may_leave() -> None:
    policy = memory()
    loaded(policy, "middle", lane="frame")
    plan = policy.plan(Amount(90), wanted=[("general", "middle")], busy=[])
    assert plan.leaving == (("frame", "middle"),)


def test_a_place_that_is_wanted_does_not_leave_for_itself() -> None:
    policy = memory()
    loaded(policy, "middle")
    plan = policy.plan(Amount(90), wanted=[("general", "middle"), ("general", "large")])
    assert plan.leaving == () and plan.lacking == Amount(30)


def test_what_was_promised_to_an_open_stream_counts_before_it_is_loaded() -> None:
    policy = memory()
    loaded(policy, "small")
    promised = [("frame", "large")]
    assert policy.plan(Amount(50), wanted=[("general", "middle")], busy=promised).leaving == (("general", "small"),)
    loaded(policy, "large", lane="frame")
    assert policy.plan(Amount(90), wanted=[("general", "middle")], busy=promised).leaving == (("general", "small"),)
    assert policy.plan(Amount(80), wanted=[("general", "middle")], busy=promised).leaving == ()


def test_without_a_wish_what_grew_beyond_the_budget_is_taken_back() -> None:
    policy = memory()
    loaded(policy, "small", "middle")
    policy.used("general", ["middle"], 1.0)
    assert policy.plan(Amount(100)).leaving == ()
    assert policy.plan(Amount(101)).leaving == (("general", "small"),)
    everything = policy.plan(Amount(500))
    assert len(everything.leaving) == 2 and not everything.fits


def test_no_budget_is_never_crossed() -> None:
    policy = memory(None)
    loaded(policy, "small")
    assert policy.plan(Amount(10**12, 10**12), wanted=[("general", "large")]).leaving == ()


# -- what a model costs ----------------------------------------------------------------------------------------------


def test_a_first_estimate_is_the_size_of_the_files() -> None:
    assert memory().cost("large", gpu=False) == Amount(40)
    assert memory().cost("large", gpu=True) == Amount(40, 40)
    assert memory().cost("nobody knows it", gpu=False) == NOTHING


def test_then_it_scales_as_the_largest_that_was_measured() -> None:
    policy = memory()
    policy.seen("general", {"small": Amount(200), "middle": Amount(60)}, 0.0)
    assert policy.cost("large", gpu=False) == Amount(120), "small cost twenty times its size, but little in all"


def test_what_was_measured_counts_even_after_it_left_and_never_less_than_the_files() -> None:
    policy = memory()
    policy.seen("general", {"small": Amount(35)}, 0.0)
    policy.seen("frame", {"small": Amount(0)}, 0.0)  # its memory had been there, freed by another
    loaded(policy)
    assert policy.cost("small", gpu=False) == Amount(35)
    policy.seen("frame", {"other": Amount(1)}, 0.0)
    assert policy.cost("other", gpu=False) == Amount(20)


# -- GPU -------------------------------------------------------------------------------------------------------------


def test_gpu_memory_has_its_own_budget_and_only_what_lies_there_leaves_for_it() -> None:
    policy = memory(1000, vram=100)
    policy.seen("general", {"small": Amount(10), "middle": Amount(5, 30), "other": Amount(5, 30)}, 0.0)
    policy.used("general", ["other"], 1.0)
    plan = policy.plan(Amount(100, 80), wanted=[("general", "large")], gpu=True)
    assert plan.needed.vram == 60 and plan.leaving == (("general", "middle"), ("general", "other"))
    plan = policy.plan(Amount(100, 80), wanted=[("general", "large")], gpu=False)
    assert plan.leaving == (), "on the processor it takes nothing of the GPU"


# -- what a call is told ---------------------------------------------------------------------------------------------


def told(policy: Memory, measured: Amount, **more: object) -> Overloaded | Unavailable:
    plan = policy.plan(measured, **more)  # type: ignore[arg-type]
    assert not plan.fits
    error = policy.refusal(plan)
    assert len(str(error).encode()) <= 300 and isinstance(error, (Overloaded, Unavailable))
    return error


BIG = {name: size * MIB for name, size in SIZES.items()}


def test_while_others_use_the_memory_it_is_overloaded_and_names_them() -> None:
    policy = Memory(Budget(100 * MIB), BIG)
    policy.seen("frame", {"middle": Amount(20 * MIB), "small": Amount(10 * MIB)}, 0.0)
    busy = [("frame", "middle"), ("frame", "small")]
    error = told(policy, Amount(70 * MIB), wanted=[("general", "large")], busy=busy)
    assert error.code == "overloaded" and error.retry_ms
    for word in ("40 MiB", "100 MiB", "middle, small", "--memory-mb", "end an open stream"):
        assert word in str(error)


def test_what_never_fits_is_unavailable_and_says_what_to_start_with() -> None:
    policy = Memory(Budget(100 * MIB), BIG, frozenset({"middle"}), base=Amount(50 * MIB))
    policy.seen("frame", {"middle": Amount(20 * MIB)}, 0.0)
    error = told(policy, Amount(70 * MIB), wanted=[("general", "large")], busy=[("frame", "middle")])
    assert error.code == "unavailable" and error.retry_ms is None
    for word in ("40 MiB", "100 MiB", "50 MiB", "pinned (middle)", "larger --memory-mb or fewer --pin"):
        assert word in str(error)


def test_the_gpu_is_named_where_it_is_what_lacks() -> None:
    policy = Memory(Budget(None, 30 * MIB), BIG)
    error = told(policy, Amount(0, 0), wanted=[("general", "large")], gpu=True)
    assert error.code == "unavailable" and "--vram-mb" in str(error) and "GPU memory budget of 30 MiB" in str(error)


@pytest.mark.parametrize("count", [5, 9])
def test_many_names_are_cut_short(count: int) -> None:
    names = {f"model-{number}": 10 * MIB for number in range(count)}
    policy = Memory(Budget(10 * MIB * count), {**BIG, **names})
    policy.seen("frame", {name: Amount(size) for name, size in names.items()}, 0.0)
    busy = [("frame", name) for name in names]
    error = told(policy, Amount(10 * MIB * count), wanted=[("general", "small")], busy=busy)
    assert f"model-3 and {count - 4} more" in str(error)
