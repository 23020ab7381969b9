"""How a diffusion model's answers become a picture: noise schedules and their steps, as diffusers 0.39 defines them.

A schedule is made for one run and holds no state: everything is asked by the index of a step, 0 for the noisiest.
Latents are float32 of any shape; `draw` gives noise of that shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..runner_specs import Scheduler
from .noise import Noise

Latent = NDArray[np.float32]
_SMALLEST_ALPHA = 2.0**-24  # where the signal is gone; keeps the first sigma finite
_COSINE_OFFSET = 0.008
_LARGEST_BETA = 0.999
_SIGMA_DATA = 0.5


@dataclass(frozen=True)
class Stepped:
    """What one step gives: the latent a step less noisy, and the model's present estimate of the clean one."""

    latent: Latent
    estimate: Latent


class Schedule(Protocol):
    """The steps of one run. `timesteps` are what the denoiser is told, `start_sigma` how strong the first noise is."""

    timesteps: NDArray[np.float32]
    start_sigma: float

    def scaled(self, latent: Latent, index: int) -> Latent:
        """The latent as the denoiser wants to see it."""

    def step(self, output: Latent, latent: Latent, index: int, draw: Noise) -> Stepped:
        """Goes from step `index` to the next with the denoiser's output."""

    def noised(self, clean: Latent, noise: Latent, index: int) -> Latent:
        """A clean latent with as much noise as there is before step `index`."""


def make_schedule(spec: Scheduler, steps: int) -> Schedule:
    """The schedule for so many steps. Raises `ValueError` when the model was not trained for so many."""
    if spec.kind == "lcm":
        return Lcm(spec, steps)
    if spec.kind == "ddim":
        return Ddim(spec, steps)
    return Euler(spec, steps)


class Euler:
    """Euler's method over sigmas (Karras et al. 2022, Algorithm 2 without churn), with fresh noise if ancestral.

    Sigmas reach 2e4, where float32 keeps three digits of a latent; so each operation is diffusers' own, in its order.
    """

    def __init__(self, spec: Scheduler, steps: int) -> None:
        alphas = cumulative_alphas(spec)
        if spec.rescale_betas_zero_snr:
            alphas[-1] = _SMALLEST_ALPHA
        self._spec = spec
        self.timesteps = _spaced(spec, steps)
        table = np.sqrt((1 - alphas) / alphas)
        sigmas = np.interp(self.timesteps, np.arange(len(table)), table)
        self._sigmas = np.append(sigmas, 0.0).astype(np.float32)
        strongest = self._sigmas.max()
        self.start_sigma = float(np.sqrt(strongest**2 + 1) if spec.spacing == "leading" else strongest)

    def scaled(self, latent: Latent, index: int) -> Latent:
        """The latent with the variance of clean ones."""
        found: Latent = latent / np.sqrt(self._sigmas[index] ** 2 + 1)
        return found

    def step(self, output: Latent, latent: Latent, index: int, draw: Noise) -> Stepped:
        """Goes along the derivative at this sigma to the next, or further down and back up by fresh noise."""
        sigma, target = self._sigmas[index], self._sigmas[index + 1]
        estimate = self._estimate(output, latent, sigma)
        derivative = (latent - estimate) / sigma
        if self._spec.kind == "euler":
            return Stepped(latent + derivative * (target - sigma), estimate)
        down = target**2 / sigma
        up = np.sqrt(target**2 - down**2)
        latent = latent + derivative * (down - sigma)
        return Stepped(latent + draw(latent.shape) * up, estimate)

    def noised(self, clean: Latent, noise: Latent, index: int) -> Latent:
        """A clean latent with as much noise as there is before step `index`."""
        found: Latent = clean + noise * self._sigmas[index]
        return found

    def _estimate(self, output: Latent, latent: Latent, sigma: np.float32) -> Latent:
        if self._spec.prediction == "sample":
            return output
        found: Latent
        if self._spec.prediction == "epsilon":
            found = latent - output * sigma
        else:
            found = output * (-sigma / np.sqrt(sigma**2 + 1)) + latent / (sigma**2 + 1)
        return found


class Ddim:
    """Denoising diffusion implicit models (Song et al. 2021, formulas 12 and 16)."""

    start_sigma = 1.0

    def __init__(self, spec: Scheduler, steps: int) -> None:
        self._spec = spec
        self._alphas = cumulative_alphas(spec).astype(np.float64)
        self.timesteps = np.rint(_spaced(spec, steps))
        self._stride = spec.train_steps // steps

    def scaled(self, latent: Latent, index: int) -> Latent:
        """The latent as it is."""
        return latent

    def step(self, output: Latent, latent: Latent, index: int, draw: Noise) -> Stepped:
        """Formula 12: towards the estimate, along the noise that the model sees, plus `eta` of fresh noise."""
        time = int(self.timesteps[index])
        alpha, before = self._alphas[time], _alpha_before(self._spec, self._alphas, time - self._stride)
        estimate, epsilon = _estimate_and_noise(self._spec, output, latent, alpha)
        spread = self._spec.eta * np.sqrt((1 - before) / (1 - alpha) * (1 - alpha / before))
        latent = estimate * np.float32(np.sqrt(before))
        latent = latent + epsilon * np.float32(np.sqrt(max(0.0, 1 - before - spread**2)))
        if self._spec.eta > 0:
            latent = latent + draw(latent.shape) * np.float32(spread)
        return Stepped(latent, estimate)

    def noised(self, clean: Latent, noise: Latent, index: int) -> Latent:
        """A clean latent with as much noise as there is before step `index`."""
        return _mixed(clean, noise, self._alphas[int(self.timesteps[index])])


class Lcm:
    """Latent consistency models' multistep sampling (Luo et al. 2023): each step guesses the end, then adds noise."""

    start_sigma = 1.0

    def __init__(self, spec: Scheduler, steps: int) -> None:
        if steps > spec.original_steps:
            raise ValueError(f"the model was distilled from {spec.original_steps} steps, so that is the most it takes")
        self._spec = spec
        self._alphas = cumulative_alphas(spec).astype(np.float64)
        teacher = np.arange(spec.original_steps, 0, -1) * (spec.train_steps // spec.original_steps) - 1
        chosen = np.floor(np.linspace(0, len(teacher), steps, endpoint=False)).astype(np.int64)
        self.timesteps = teacher[chosen].astype(np.float32)

    def scaled(self, latent: Latent, index: int) -> Latent:
        """The latent as it is."""
        return latent

    def step(self, output: Latent, latent: Latent, index: int, draw: Noise) -> Stepped:
        """The consistency function at this step, and noise down to the next one's level, but for the last."""
        time = int(self.timesteps[index])
        estimate, _ = _estimate_and_noise(self._spec, output, latent, self._alphas[time])
        scaled = time * self._spec.timestep_scaling
        keep = _SIGMA_DATA**2 / (scaled**2 + _SIGMA_DATA**2)
        take = scaled / np.hypot(scaled, _SIGMA_DATA)
        clean = estimate * np.float32(take) + latent * np.float32(keep)
        if index + 1 == len(self.timesteps):
            return Stepped(clean, clean)
        return Stepped(self.noised(clean, draw(clean.shape), index + 1), clean)

    def noised(self, clean: Latent, noise: Latent, index: int) -> Latent:
        """A clean latent with as much noise as there is before step `index`."""
        return _mixed(clean, noise, self._alphas[int(self.timesteps[index])])


# -- what they share ----------------------------------------------------------------------------------------------


def cumulative_alphas(spec: Scheduler) -> NDArray[np.float32]:
    """The share of signal that is left at each training step; float32, since that is what models were trained with."""
    steps = spec.train_steps
    if spec.beta_schedule == "linear":
        betas = np.linspace(spec.beta_start, spec.beta_end, steps, dtype=np.float32)
    elif spec.beta_schedule == "scaled_linear":
        betas = np.linspace(spec.beta_start**0.5, spec.beta_end**0.5, steps, dtype=np.float32) ** 2
    else:
        phase = (np.arange(steps + 1) / steps + _COSINE_OFFSET) / (1 + _COSINE_OFFSET)
        level = np.cos(phase * np.pi / 2) ** 2
        betas = np.minimum(1 - level[1:] / level[:-1], _LARGEST_BETA).astype(np.float32)
    alphas = _cumulated(1 - betas)
    return _without_last_signal(alphas) if spec.rescale_betas_zero_snr else alphas


def _cumulated(alphas: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.cumprod(alphas, dtype=np.float64).astype(np.float32)


def _without_last_signal(alphas: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shifted and scaled so that nothing of the signal is left at the end (Lin et al. 2024, Algorithm 1)."""
    roots = np.sqrt(alphas)
    first, last = roots[0], roots[-1]
    squares = ((roots - last) * (first / (first - last))) ** 2
    betas = 1 - np.append(squares[:1], squares[1:] / squares[:-1])
    return _cumulated(1 - betas)


def _spaced(spec: Scheduler, steps: int) -> NDArray[np.float32]:
    """The training steps that a run visits, from the noisiest (Lin et al. 2024, Table 2). Raises `ValueError`."""
    if spec.spacing == "linspace":
        return np.linspace(0, spec.train_steps - 1, steps, dtype=np.float32)[::-1].copy()
    if spec.spacing == "trailing":
        times = np.arange(spec.train_steps, 0, -spec.train_steps / steps)[:steps]  # rounding may add one at the end
        return np.asarray(np.rint(times) - 1, np.float32)
    whole = np.arange(steps)[::-1] * (spec.train_steps // steps) + spec.steps_offset
    if whole[0] >= spec.train_steps:
        raise ValueError("the model's training has no step before the first of so many")
    return whole.astype(np.float32)


def _alpha_before(spec: Scheduler, alphas: NDArray[np.float64], time: int) -> float:
    if time >= 0:
        return float(alphas[time])
    return 1.0 if spec.set_alpha_to_one else float(alphas[0])


def _estimate_and_noise(spec: Scheduler, output: Latent, latent: Latent, alpha: float) -> tuple[Latent, Latent]:
    """The clean latent and the noise in it, as the model's output says; the clean one is clipped if that is wanted."""
    signal: Any = np.float32(np.sqrt(alpha))  # the stubs take an array over a scalar for float64
    noise: Any = np.float32(np.sqrt(1 - alpha))
    estimate: Latent
    epsilon: Latent
    if spec.prediction == "epsilon":
        estimate, epsilon = (latent - output * noise) / signal, output
    elif spec.prediction == "sample":
        estimate, epsilon = output, (latent - output * signal) / noise
    else:
        estimate, epsilon = latent * signal - output * noise, output * signal + latent * noise
    if spec.clip is not None:
        estimate = np.clip(estimate, np.float32(-spec.clip), np.float32(spec.clip))
    return estimate, epsilon


def _mixed(clean: Latent, noise: Latent, alpha: float) -> Latent:
    return clean * np.float32(np.sqrt(alpha)) + noise * np.float32(np.sqrt(1 - alpha))
