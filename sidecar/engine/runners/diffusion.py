"""Latent diffusion without torch: words, pictures and noise in, pictures out, step by step.

The order in which noise is drawn, and every operation on a latent, is that of diffusers' Stable Diffusion pipelines
(and CatVTON's), so with the same noise the pictures are the same.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import BadRequest, Unavailable
from ..runner_specs import Diffusion
from .denoiser import Denoiser, Feeds, Guided
from .diffusion_pictures import Latent, Mask, Picture, PictureCoder, mask_latent, to_bytes, to_mask, to_pixels
from .diffusion_text import TextEncoders, Words, guidance_embedding
from .graph import Graph
from .noise import MAX_SEED, Noise, SeededNoise
from .schedulers import Schedule, make_schedule

MAX_GUIDANCE = 30.0
MAX_GROWTH = 4  # of a picture's sides and of its area, over what the manifest says
IMAGE_STRENGTH = 0.8
_AXES = {"height": 2, "width": 3}


@dataclass(frozen=True)
class Job:
    """What one picture is made from; sizes in pixels. `start` is the first step that is taken, 0-based."""

    prompt: str
    negative: str | None
    picture: Picture | None
    pixels: Latent | None
    mask: Mask | None
    garment: Latent | None
    width: int
    height: int
    schedule: Schedule
    start: int
    strength: float
    guidance: float
    keep_outside: bool


@dataclass(frozen=True)
class Step:
    """One step done, of `of`; the first is 1. `latent` is what the next one starts from, `estimate` the clean guess."""

    index: int
    of: int
    latent: Latent
    estimate: Latent
    job: Job
    coder: PictureCoder

    def preview(self) -> Picture:
        """What the picture will about be, RGB uint8; computed only now, smaller where the preview is a linear fit."""
        return self.coder.preview(self.estimate)

    def image(self) -> Picture:
        """The picture after the last step, RGB uint8 [height, width, 3]; decoded now. Raises `ValueError` before."""
        if self.index < self.of:
            raise ValueError("there is no picture before the last step")
        found = to_bytes(self.coder.decode(self.latent))
        if self.job.keep_outside and self.job.picture is not None and self.job.mask is not None:
            found = np.where(self.job.mask[..., None], found, self.job.picture)
        return found


class DiffusionRunner:
    """Drives a pack's graphs as its manifest's runner says. Raises `Unavailable` when they do not belong together."""

    def __init__(self, spec: Diffusion, files: Mapping[str, bytes], graphs: Mapping[str, Graph]) -> None:
        if "denoiser" not in graphs:
            raise Unavailable("The model has no denoiser.")
        channels = spec.latent_channels if spec.inputs == "latent" else 2 * spec.latent_channels + 1
        self.spec = spec
        self._denoiser = Denoiser(graphs["denoiser"], channels=channels, latent_channels=spec.latent_channels)
        self._coder = PictureCoder(spec, graphs)
        self._texts = TextEncoders(spec, files, graphs)
        fractions = spec.scheduler.spacing == "linspace" and spec.scheduler.kind in ("euler", "euler_ancestral")
        if fractions and not self._denoiser.takes_fractions:
            raise Unavailable("The model's schedule has fractions of steps, but its denoiser takes whole ones only.")

    def generate(
        self,
        *,
        prompt: str = "",
        negative: str | None = None,
        image: Picture | None = None,
        mask: Picture | None = None,
        garment: Picture | None = None,
        strength: float | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        width: int | None = None,
        height: int | None = None,
        seed: int = 0,
        noise: Noise | None = None,
        keep_outside: bool = False,
    ) -> Generator[Step, None, None]:
        """Makes one picture: yields after each step of the denoiser; closing the generator ends the work there.

        `image` (RGB uint8) is changed as far as `strength` says, above 0 to 1: by default 0.8, or 1 with a `mask` (grey
        uint8, painted from 128 on). `keep_outside` leaves pixels outside the mask exactly as they were. With equal
        `seed`, 0 to 2**64 - 1, and equal arguments the noise is equal everywhere; `noise` replaces it. Raises
        `BadRequest` for what the model cannot do, before anything runs; the steps may raise `Unavailable`.
        """
        if not 0 <= seed <= MAX_SEED:
            raise BadRequest("The seed must lie between 0 and 2**64 - 1.")
        self._check_kind(image, mask, garment)
        width, height = self._sides(image, width, height)
        strength = (1.0 if image is None or mask is not None else IMAGE_STRENGTH) if strength is None else strength
        guidance = self.spec.guidance if guidance is None else guidance
        schedule, start = self._schedule(steps, strength)
        if not 0 <= guidance <= MAX_GUIDANCE:
            raise BadRequest(f"The guidance must lie between 0 and {MAX_GUIDANCE:g}.")
        job = Job(
            prompt=prompt,
            negative=negative,
            picture=image,
            pixels=None if image is None else to_pixels(image, height, width, "picture"),
            mask=None if mask is None else to_mask(mask, height, width),
            garment=None if garment is None else to_pixels(garment, height, width, "garment"),
            width=width,
            height=height,
            schedule=schedule,
            start=start,
            strength=strength,
            guidance=guidance,
            keep_outside=keep_outside,
        )
        return self._steps(job, SeededNoise(seed) if noise is None else noise)

    # -- before anything runs ------------------------------------------------------------------------------------

    def _check_kind(self, image: Picture | None, mask: Picture | None, garment: Picture | None) -> None:
        if self.spec.inputs == "garment":
            if image is None or mask is None or garment is None:
                raise BadRequest("This model dresses a person: it needs a picture, a mask and a garment.")
        elif garment is not None:
            raise BadRequest("This model takes no garment.")
        elif self.spec.inputs == "inpaint" and (image is None or mask is None):
            raise BadRequest("This model paints into a picture: it needs a picture and a mask.")
        elif mask is not None and image is None:
            raise BadRequest("A mask needs a picture.")
        if image is not None and not self._coder.encodes:
            raise BadRequest("This model makes pictures from words only; it takes no picture.")

    def _sides(self, image: Picture | None, width: int | None, height: int | None) -> tuple[int, int]:
        spec = self.spec
        given = (spec.height, spec.width) if image is None else image.shape[:2]
        if len(given) < 2:
            raise BadRequest("The picture must have rows and columns.")
        height, width = given[0] if height is None else height, given[1] if width is None else width
        multiple = spec.side_multiple
        if width < 1 or height < 1 or width % multiple or height % multiple:
            raise BadRequest(f"Width and height must be multiples of {multiple} pixels.")
        largest = max(spec.width, spec.height)
        if max(width, height) > MAX_GROWTH * largest or width * height > MAX_GROWTH * spec.width * spec.height:
            raise BadRequest(f"That is too large for this model; it is made for {spec.width} x {spec.height} pixels.")
        latent = self._latent_shape(width, height)[2:]
        if any(fixed not in (None, side) for fixed, side in zip(self._denoiser.sides, latent, strict=True)):
            raise BadRequest(f"This model makes pictures of {spec.width} x {spec.height} pixels only.")
        return width, height

    def _schedule(self, steps: int | None, strength: float) -> tuple[Schedule, int]:
        steps = self.spec.steps if steps is None else steps
        if not 1 <= steps <= self.spec.max_steps:
            raise BadRequest(f"The number of steps must lie between 1 and {self.spec.max_steps}.")
        if not 0 < strength <= 1 or (self.spec.inputs == "garment" and strength < 1):
            raise BadRequest("The strength must lie above 0 and at most at 1; with a garment it is 1.")
        taken = int(steps * strength)
        if taken < 1:
            raise BadRequest(f"With a strength of {strength:g} take {math.ceil(1 / strength)} steps or more.")
        try:
            return make_schedule(self.spec.scheduler, steps), steps - taken
        except ValueError as error:
            raise BadRequest(f"The model cannot take {steps} steps: {error}.") from error

    # -- the run -------------------------------------------------------------------------------------------------

    def _steps(self, job: Job, draw: Noise) -> Generator[Step, None, None]:
        scene = self._scene(job, draw)
        schedule, latent, last = job.schedule, scene.latent, len(job.schedule.timesteps)
        for index in range(job.start, last):
            output = scene.denoiser(schedule.scaled(latent, index), float(schedule.timesteps[index]))
            stepped = schedule.step(output, latent, index, draw)
            latent, estimate = scene.kept(stepped.latent, schedule, index + 1), scene.kept(stepped.estimate)
            done, of = index + 1 - job.start, last - job.start
            yield Step(done, of, scene.shown(latent), scene.shown(estimate), job, self._coder)

    def _scene(self, job: Job, draw: Noise) -> _Scene:
        """Encodes what goes in and draws the first noise, in diffusers' order."""
        passes = self._passes(job)
        shape = self._latent_shape(job.width, job.height)
        if self.spec.inputs == "garment":
            return self._dressing(job, passes, draw)
        clean: Latent | None = None
        if job.pixels is not None and (self.spec.inputs == "latent" or job.strength < 1):
            clean = self._coder.encode(job.pixels, draw)
        noise = draw(shape)
        if clean is None or (job.mask is not None and job.strength == 1):
            latent = noise * np.float32(job.schedule.start_sigma)
        else:
            latent = job.schedule.noised(clean, noise, job.start)
        mask = None if job.mask is None else mask_latent(job.mask, self.spec.factor)
        extra: Latent | None = None
        if self.spec.inputs == "inpaint" and mask is not None:
            extra = np.concatenate([mask, self._coder.encode(_masked(job), draw)], axis=1)
        denoiser = self._denoiser.guided(passes, [extra] * len(passes), job.guidance)
        if self.spec.inputs == "latent" and mask is not None and clean is not None:
            return _Scene(latent, denoiser, mask=mask, clean=clean, noise=noise)
        return _Scene(latent, denoiser)

    def _dressing(self, job: Job, passes: list[Feeds], draw: Noise) -> _Scene:
        """Person and garment beside each other; without guidance from the garment its half is empty (CatVTON)."""
        assert job.garment is not None and job.mask is not None
        axis = _AXES[self.spec.beside]
        person, garment = self._coder.encode(_masked(job), draw), self._coder.encode(job.garment, draw)
        mask = mask_latent(job.mask, self.spec.factor)
        mask = np.concatenate([mask, np.zeros_like(mask)], axis)
        with_garment = np.concatenate([mask, np.concatenate([person, garment], axis)], 1)
        without = np.concatenate([mask, np.concatenate([person, np.zeros_like(garment)], axis)], 1)
        latent = draw(self._latent_shape(job.width, job.height)) * np.float32(job.schedule.start_sigma)
        denoiser = self._denoiser.guided(passes, [without, with_garment][-len(passes) :], job.guidance)
        return _Scene(latent, denoiser, axis=axis)

    def _latent_shape(self, width: int, height: int) -> tuple[int, int, int, int]:
        height, width = height // self.spec.factor, width // self.spec.factor
        if self.spec.inputs == "garment":
            height, width = (2 * height, width) if self.spec.beside == "height" else (height, 2 * width)
        return 1, self.spec.latent_channels, height, width

    def _passes(self, job: Job) -> list[Feeds]:
        """What the denoiser is fed beside latent and time step: without the text, then with it, or with it alone."""
        guided = job.guidance > 1 and self.spec.timestep_condition is None
        if self.spec.tokenizer is None:
            return [self._feeds(None, job)] * (2 if guided else 1)
        words = self._texts(job.prompt)
        if not guided:
            return [self._feeds(words, job)]
        silent = job.negative is None and self.spec.zero_negative
        without = words.silent() if silent else self._texts(job.negative or "")
        return [self._feeds(without, job), self._feeds(words, job)]

    def _feeds(self, words: Words | None, job: Job) -> Feeds:
        feeds = {}
        if words is not None:
            feeds["encoder_hidden_states"] = words.hidden
        if self.spec.timestep_condition is not None:
            feeds["timestep_cond"] = guidance_embedding(job.guidance, self.spec.timestep_condition)
        if words is not None and words.pooled is not None:
            sizes = [job.height, job.width, 0, 0, job.height, job.width]  # of the original, its crop, the target
            feeds |= {"text_embeds": words.pooled, "time_ids": np.array([sizes], np.float32)}
        return feeds


@dataclass(frozen=True)
class _Scene:
    """The first latent and all that stays the same; `mask`, `clean`, `noise` where the picture is kept outside a mask.

    `axis`: along which the person is the first half.
    """

    latent: Latent
    denoiser: Guided
    mask: Latent | None = None
    clean: Latent | None = None
    noise: Latent | None = None
    axis: int | None = None

    def kept(self, latent: Latent, schedule: Schedule | None = None, index: int = 0) -> Latent:
        """The latent with the given picture outside the mask, as noisy as step `index` wants it if there is one."""
        if self.mask is None or self.clean is None or self.noise is None:
            return latent
        clean = self.clean
        if schedule is not None and index < len(schedule.timesteps):
            clean = schedule.noised(clean, self.noise, index)
        return (1 - self.mask) * clean + self.mask * latent

    def shown(self, latent: Latent) -> Latent:
        """The part that becomes the picture."""
        return latent if self.axis is None else np.split(latent, 2, self.axis)[0]


def _masked(job: Job) -> Latent:
    """The picture in -1..1 with 0 where it is to be painted."""
    assert job.pixels is not None and job.mask is not None
    return job.pixels * ~job.mask
