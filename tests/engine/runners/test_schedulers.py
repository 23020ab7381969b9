"""Every scheduler steps as diffusers' class of that name does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, LCMScheduler
from numpy.typing import NDArray

from sidecar.engine.runner_specs import Scheduler
from sidecar.engine.runners.noise import SeededNoise
from sidecar.engine.runners.schedulers import make_schedule

CLASSES: dict[str, Any] = {
    "euler": EulerDiscreteScheduler, "euler_ancestral": EulerAncestralDiscreteScheduler, "ddim": DDIMScheduler,
    "lcm": LCMScheduler,
}  # fmt: skip
ATOL = 1e-4  # of latents, whose clean values are about 1
STEPS = (1, 2, 4, 13, 50)
Array = NDArray[np.float32]


def spec(**changes: Any) -> Scheduler:
    options: dict[str, Any] = {
        "kind": "ddim", "train_steps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "prediction": "epsilon", "spacing": "leading", "steps_offset": 1,
    }  # fmt: skip
    return Scheduler(**options | changes)


def reference(ours: Scheduler, steps: int) -> Any:
    """Diffusers' object for the same numbers."""
    names = ("beta_start", "beta_end", "beta_schedule", "steps_offset", "rescale_betas_zero_snr")
    options = {name: getattr(ours, name) for name in names}
    if ours.kind in ("ddim", "lcm"):
        options |= {"clip_sample": ours.clip is not None, "set_alpha_to_one": ours.set_alpha_to_one}
        options |= {} if ours.clip is None else {"clip_sample_range": ours.clip}
    if ours.kind == "lcm":
        options |= {"original_inference_steps": ours.original_steps, "timestep_scaling": ours.timestep_scaling}
    else:
        options["timestep_spacing"] = ours.spacing
    theirs = CLASSES[ours.kind](num_train_timesteps=ours.train_steps, prediction_type=ours.prediction, **options)
    theirs.set_timesteps(steps)
    return theirs


def share_of_signal(theirs: Any, ours: Scheduler, index: int) -> float:
    """How much of a latent's variance is the clean one before this step."""
    if ours.kind.startswith("euler"):
        return float(1 / (1 + theirs.sigmas[index].double() ** 2))
    return float(theirs.alphas_cumprod[int(theirs.timesteps[index])])


def answer(ours: Scheduler, latent: Array, clean: Array, signal: float) -> Array:
    """What a model would say that guesses `clean`: as a trained one, it does not let latents grow."""
    seen = latent * np.sqrt(signal) if ours.kind.startswith("euler") else latent
    noise = (seen - np.sqrt(signal) * clean) / max(np.sqrt(1 - signal), 1e-6)
    found = {"epsilon": noise, "sample": clean, "v_prediction": np.sqrt(signal) * noise - np.sqrt(1 - signal) * clean}
    return found[ours.prediction].astype(np.float32)


def largest_error(ours: Scheduler, steps: int, *, relative: bool = False) -> float:
    """Of inputs, next latents and estimates at every step of a run, each scheduler going its own way.

    `relative`: to the largest magnitude before the step, both starting each from where diffusers is. There sigmas are
    so large that the last digit of a float32 is more than the tolerance of a clean latent.
    """
    theirs, schedule = reference(ours, steps), make_schedule(ours, steps)
    assert np.allclose(schedule.timesteps, theirs.timesteps.numpy(), atol=1e-3)
    assert schedule.start_sigma == pytest.approx(float(theirs.init_noise_sigma), rel=1e-6)
    rng = np.random.default_rng(steps)
    picture = rng.standard_normal((1, 4, 8, 8)).astype(np.float32)
    mine = rng.standard_normal(picture.shape).astype(np.float32) * np.float32(schedule.start_sigma)
    their_noise, our_noise = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    extra = {} if ours.kind == "euler" else {"generator": their_noise}
    extra |= {"eta": ours.eta} if ours.kind == "ddim" else {}
    latent, worst = torch.from_numpy(mine), 0.0
    for index, time in enumerate(theirs.timesteps):
        clean = picture + 0.2 * rng.standard_normal(picture.shape).astype(np.float32)
        output = answer(ours, latent.numpy(), clean, share_of_signal(theirs, ours, index))
        size = max(1.0, float(latent.abs().max())) if relative else 1.0
        pairs = [(theirs.scale_model_input(latent, time).numpy(), schedule.scaled(mine, index), 1.0)]
        wanted = theirs.step(torch.from_numpy(output), time, latent, **extra)
        found = schedule.step(output, mine, index, lambda shape: torch.randn(shape, generator=our_noise).numpy())
        estimate = wanted.denoised if ours.kind == "lcm" else wanted.pred_original_sample
        pairs += [(wanted.prev_sample.numpy(), found.latent, size), (estimate.numpy(), found.estimate, size)]
        worst = max([worst, *(float(np.abs(one - other).max()) / size for one, other, size in pairs)])
        assert np.isfinite(worst)
        latent = wanted.prev_sample
        mine = latent.numpy() if relative else found.latent
    return worst


KINDS = [
    (kind, prediction, spacing)
    for kind in CLASSES
    for prediction in ("epsilon", "v_prediction", "sample")
    for spacing in ("leading", "trailing", "linspace")
    if (kind, prediction) != ("euler_ancestral", "sample")  # diffusers has none
    and (kind != "lcm" or spacing == "leading")  # its steps are the teacher's
]


@pytest.mark.parametrize("betas", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize(("kind", "prediction", "spacing"), KINDS)
def test_steps_are_those_of_diffusers(kind: str, prediction: str, spacing: str, betas: str) -> None:
    ours = spec(kind=kind, prediction=prediction, spacing=spacing, beta_schedule=betas)
    # Ancestral steps from a sigma of 2e4: there diffusers takes the root of a difference that float32 cannot hold.
    far = kind == "euler_ancestral" and betas == "squaredcos_cap_v2"
    steps = [count for count in STEPS if not (far and spacing == "linspace" and count in (2, 4))]
    assert max(largest_error(ours, count, relative=far) for count in steps) < ATOL


@pytest.mark.parametrize("steps", [2, 4])
def test_ancestral_steps_are_finite_where_those_of_diffusers_are_not(steps: int) -> None:
    ours = spec(kind="euler_ancestral", spacing="linspace", beta_schedule="squaredcos_cap_v2")
    schedule = make_schedule(ours, steps)
    latent = SeededNoise(1)((1, 4, 8, 8)) * np.float32(schedule.start_sigma)
    for index in range(steps):
        latent = schedule.step(schedule.scaled(latent, index), latent, index, SeededNoise(index)).latent
        assert np.isfinite(latent).all()


@pytest.mark.parametrize("betas", ["linear", "scaled_linear"])
@pytest.mark.parametrize(
    ("kind", "prediction", "spacing"),
    [row for row in KINDS if row[1] != "epsilon" or row[0].startswith("euler")],
)
def test_steps_are_those_of_diffusers_without_a_last_signal(
    kind: str, prediction: str, spacing: str, betas: str
) -> None:
    """Sigmas reach 4096."""
    ours = spec(kind=kind, prediction=prediction, spacing=spacing, beta_schedule=betas, rescale_betas_zero_snr=True)
    assert max(largest_error(ours, steps, relative=True) for steps in STEPS) < ATOL


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "ddim", "eta": 1.0},
        {"kind": "ddim", "eta": 0.3, "prediction": "v_prediction"},
        {"kind": "ddim", "set_alpha_to_one": False},
        {"kind": "ddim", "clip": 1.0},
        {"kind": "ddim", "steps_offset": 0, "spacing": "trailing"},
        {"kind": "lcm", "clip": 1.5},
        {"kind": "lcm", "original_steps": 100, "timestep_scaling": 3.0},
        {"kind": "euler", "steps_offset": 0},
    ],
)
def test_options_mean_what_they_mean_in_diffusers(changes: dict[str, Any]) -> None:
    assert max(largest_error(spec(**changes), steps) for steps in STEPS) < ATOL


@pytest.mark.parametrize("kind", CLASSES)
def test_noise_is_added_as_diffusers_adds_it(kind: str) -> None:
    ours = spec(kind=kind, spacing="leading")
    theirs, schedule = reference(ours, 10), make_schedule(ours, 10)
    clean, noise = SeededNoise(1)((1, 4, 8, 8)), SeededNoise(2)((1, 4, 8, 8))
    for index, time in enumerate(theirs.timesteps):
        wanted = theirs.add_noise(torch.from_numpy(clean), torch.from_numpy(noise), time[None]).numpy()
        assert np.abs(schedule.noised(clean, noise, index) - wanted).max() < ATOL


@pytest.mark.parametrize("kind", ["euler", "ddim", "lcm"])
def test_a_model_that_knows_the_picture_reaches_it(kind: str) -> None:
    ours = spec(kind=kind)
    schedule = make_schedule(ours, 8)
    picture, latent = SeededNoise(3)((1, 4, 8, 8)), SeededNoise(4)((1, 4, 8, 8)) * np.float32(schedule.start_sigma)
    theirs = reference(ours, 8)
    for index in range(8):
        output = answer(ours, latent, picture, share_of_signal(theirs, ours, index))
        latent = schedule.step(output, latent, index, SeededNoise(9)).latent
    assert np.abs(latent - picture).max() < 0.1


@pytest.mark.parametrize("spacing", ["trailing", "linspace", "leading"])
def test_there_are_as_many_steps_as_asked_for(spacing: str) -> None:
    """Also for 61, 103, 121 ..., where rounding gives diffusers one more than that."""
    for steps in range(1, 400):
        schedule = make_schedule(spec(kind="euler", spacing=spacing), steps)
        assert len(schedule.timesteps) == steps
        assert (np.diff(schedule.timesteps) < 0).all()
        assert 0 <= schedule.timesteps[-1] <= schedule.timesteps[0] <= 999


def test_more_steps_than_the_training_had_are_refused() -> None:
    with pytest.raises(ValueError, match="no step before the first"):
        make_schedule(spec(steps_offset=1), 1000)
    with pytest.raises(ValueError, match="distilled from 50 steps"):
        make_schedule(spec(kind="lcm"), 51)
