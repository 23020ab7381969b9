"""Which runner drives a pack's graphs, and the numbers that runner needs: the part of a manifest that is not tensors.

A new model of a known kind is one manifest with one of these; no runner knows a model by name.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

FileName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*$", max_length=96)]
Count = Annotated[int, Meta(ge=1, le=1 << 20)]
TokenId = Annotated[int, Meta(ge=0, le=1 << 24)]
Prefix = Annotated[str, Meta(max_length=200)]
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}$")]
Factor = Annotated[float, Meta(gt=0.0, le=1e6)]
Beta = Annotated[float, Meta(gt=0.0, lt=1.0)]
Rgb = tuple[float, float, float]
Levels = Annotated[tuple[float, ...], Meta(min_length=1, max_length=4)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Strict both ways: unknown fields are refused, values never change; defaults are not written."""


class Preprocessing(_Strict, frozen=True, kw_only=True):
    """How pixels become the input: colour order, range of values, layout, size in pixels.

    A byte v becomes low + v / 255 * (high - low); where given, `mean` is then taken away and `std` divided by, each by
    channel in the order of `colour`. `width` and `height` are None where the graph takes any size; then both sides are
    multiples of `multiple`. `fit` says how a picture of another shape gets there: `crop` is the caller's own region
    (try-on), `stretch` ignores its shape, `cover` cuts its long side, `contain` pads around it with `pad`. `resized`
    (width, height) is what `stretch` or `cover` go to where only its middle is the input. `resample` is Pillow's filter
    of that name, which averages where it shrinks; `sampled` is OpenCV's bilinear, which does not.
    """

    colour: Literal["rgb", "bgr", "grey"]
    low: float
    high: float
    layout: Literal["nhwc", "nchw"]
    width: Count | None
    height: Count | None
    mean: Levels | None = None
    std: Levels | None = None
    multiple: Count = 1
    fit: Literal["crop", "stretch", "cover", "contain"] = "crop"
    pad: Literal["low", "mirror"] = "low"
    resized: tuple[Count, Count] | None = None
    resample: Literal["bilinear", "bicubic", "lanczos", "sampled"] = "bilinear"


class Tensors(_Strict, frozen=True, kw_only=True, tag_field="kind", tag="tensors"):
    """One graph `model`, one run; what the tensors mean is in their specs. `labels`: a file, one name a line.

    `classes` are the names where they are few. `certain`: the last class is out of the question below the first number
    and certain above the second; between them the model does not know.
    """

    preprocessing: Preprocessing | None = None
    labels: FileName | None = None
    classes: Annotated[tuple[Prefix, ...], Meta(max_length=64)] = ()
    certain: tuple[Fraction, Fraction] | None = None


class TextEmbedding(_Strict, frozen=True, kw_only=True, tag_field="kind", tag="text_embedding"):
    """Graph `model`: `input_ids`, `attention_mask` [batch, sequence] int64 -> `embedding` [batch, size], length 1."""

    tokenizer: FileName
    size: Count
    max_tokens: Count
    query_prefix: Prefix = ""
    passage_prefix: Prefix = ""


class TextGeneration(_Strict, frozen=True, kw_only=True, tag_field="kind", tag="text_generation"):
    """A decoder-only model with a key-value cache, graph `model`.

    Inputs `input_ids`, `attention_mask`, `position_ids` where the graph has it, `past_key_values.N.key|value`
    [batch, kv_heads, past, head_size]; outputs `logits` of every position or of the last, `present.N.key|value`.
    Where past and present call their third axis alike, one buffer is both. `chat_template`: a Jinja file.
    """

    tokenizer: FileName
    layers: Count
    kv_heads: Count
    head_size: Count
    context: Count
    vocabulary: Count
    stop_ids: Annotated[tuple[TokenId, ...], Meta(min_length=1, max_length=16)]
    bos_id: TokenId | None = None
    chat_template: FileName | None = None


class SpeechRecognition(_Strict, frozen=True, kw_only=True, tag_field="kind", tag="speech_recognition"):
    """Whisper: `encoder` takes `input_features`, log-mel [batch, mels, frames].

    Either it answers with what the decoder looks at (`present.N.encoder.key|value`), and `decoder` takes `input_ids`,
    that (`past_key_values.N.encoder.*`) and its own cache, which may be empty; or it answers with `last_hidden_state`,
    and `decoder` makes both caches from it on the first step, `decoder_with_past` goes on (the form of optimum).

    `prompt` are the ids that start every transcript (the language's goes after the first), `languages` maps a language
    to its token, `suppress_from` is the first id of time stamps, which are never said. Nor are `suppress`, and
    `suppress_first` not as the first token; `no_speech_id` is the token whose share tells silence from speech. A text
    behind `previous_id` stands before the prompt, so that names and spelling follow it; `hints` has one by language.
    """

    tokenizer: FileName
    mels: Count
    layers: Count
    heads: Count
    head_size: Count
    context: Count
    prompt: Annotated[tuple[TokenId, ...], Meta(min_length=1, max_length=8)]
    stop_id: TokenId
    suppress_from: TokenId
    suppress: Annotated[tuple[TokenId, ...], Meta(max_length=1024)] = ()
    suppress_first: Annotated[tuple[TokenId, ...], Meta(max_length=64)] = ()
    no_speech_id: TokenId | None = None
    previous_id: TokenId | None = None
    hints: Annotated[dict[Language, Annotated[str, Meta(max_length=200)]], Meta(max_length=128)] = {}
    languages: Annotated[dict[Language, TokenId], Meta(max_length=128)]


class VoiceActivity(_Strict, frozen=True, kw_only=True, tag_field="kind", tag="voice_activity"):
    """Graph `model`: `windows` [windows, context + window] of 16 kHz sound, `context` samples before each window, and
    recurrent states of shape `state` -> a probability of speech [windows] and the next states, in the same order."""

    window: Count
    context: Count
    state: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=4)]
    threshold: Fraction = 0.5


class TextReading(_Strict, frozen=True, kw_only=True, tag_field="kind", tag="text_reading"):
    """Graphs `detector` (`image` -> `probability` of text by pixel) and `recogniser` (`image` [batch, 3, height, width]
    -> `probabilities` [batch, steps, characters]).

    `characters`: a file, one a line; a blank comes before them, a space after. The detector runs on a picture whose
    longest side is `longest_side` at most; what is above `threshold` and, on average, `box_threshold` is text, grown by
    `unclip` times its area by its perimeter. A line is read at `recogniser.height`, padded to a multiple of `bucket`;
    between two characters a space needs only the probability `space_threshold`.
    """

    characters: FileName
    detector: Preprocessing
    recogniser: Preprocessing
    longest_side: Count = 960
    threshold: Fraction = 0.3
    box_threshold: Fraction = 0.6
    unclip: Factor = 1.5
    bucket: Count = 64
    longest_line: Count = 1600
    space_threshold: Fraction = 0.02


class ImageStyle(_Strict, frozen=True, kw_only=True, tag_field="kind", tag="image_style"):
    """Graphs `style` (`image` -> `style`), `transfer` (`image`, `style` -> `picture`) for any picture as a style, and
    `presets` (`image`, `weights` -> `picture`) where the pack has styles of its own, `preset_count` of them.

    `preset` is the presets' picture; a picture comes out as it goes in, in 0..1.
    """

    style: Preprocessing
    content: Preprocessing
    preset: Preprocessing | None = None
    preset_count: Annotated[int, Meta(ge=0, le=1024)] = 0


class Scheduler(_Strict, frozen=True, kw_only=True):
    """The noise schedule and the way of stepping through it, in the terms of diffusers' configuration files.

    SD-Turbo is `euler` with `trailing` spacing, SDXL-Turbo `euler_ancestral` with `trailing`. `clip` is the largest
    magnitude of a predicted latent (`ddim`, `lcm`), `eta` the share of fresh noise in each step of `ddim`.
    """

    kind: Literal["euler", "euler_ancestral", "lcm", "ddim"]
    train_steps: Annotated[int, Meta(ge=1, le=100_000)]
    beta_start: Beta
    beta_end: Beta
    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2"]
    prediction: Literal["epsilon", "v_prediction", "sample"]
    spacing: Literal["leading", "trailing", "linspace"]
    steps_offset: Annotated[int, Meta(ge=0, le=1000)] = 0
    set_alpha_to_one: bool = True
    rescale_betas_zero_snr: bool = False
    clip: Factor | None = None
    eta: Fraction = 0.0
    original_steps: Count = 50  # LCM: steps of the teacher that it was distilled from
    timestep_scaling: Factor = 10.0  # LCM: how fast its answer leaves the noisy latent

    def __post_init__(self) -> None:
        """Checks what types cannot say; a `ValueError` here reaches the reader as `msgspec.ValidationError`."""
        if self.beta_start > self.beta_end:
            raise ValueError("beta_start is larger than beta_end")
        if self.kind == "lcm" and self.original_steps > self.train_steps:
            raise ValueError("original_steps is larger than train_steps")
        if self.rescale_betas_zero_snr and self.prediction == "epsilon" and self.kind in ("ddim", "lcm"):
            raise ValueError("a latent cannot be predicted from noise alone (zero SNR with epsilon)")


class Diffusion(_Strict, frozen=True, kw_only=True, tag_field="kind", tag="diffusion"):
    """A latent diffusion model: graphs `text_encoder` (and `text_encoder_2`), `denoiser`, `decoder`, `encoder` where
    pictures go in, and `preview`, a tiny decoder, where there is one.

    The denoiser takes `sample` [batch, channels, height, width] and `timestep`, and where the model has them
    `encoder_hidden_states`, `timestep_cond`, `text_embeds`, `time_ids`; the other graphs have one input each. The
    encoder answers with mean and logarithm of the variance (twice the channels), or with latents. What the denoiser
    sees is (that - `latent_shift`) times `latent_scale`; `preview` takes it as it is. Its sides are the picture's over
    `factor`, and pictures have sides that are multiples of `multiple`.

    `inputs` says what the denoiser sees: `latent` alone, `inpaint` adds mask and masked picture (9 channels), `garment`
    lays person and garment `beside` each other along that side, and needs no text (CatVTON's form).
    `text_outputs` are the hidden states to use, one a text encoder; with `size_condition` (SDXL) the last encoder's
    `pooled_output` and the picture's sizes go in too. `zero_negative`: no negative prompt is zeros, not an empty text.
    `latent_rgb`: a linear preview, one row of red, green, blue a channel, then their offsets; gives -1..1.
    """

    scheduler: Scheduler
    inputs: Literal["latent", "inpaint", "garment"]
    latent_channels: Annotated[int, Meta(ge=1, le=64)]
    latent_scale: Factor
    factor: Annotated[int, Meta(ge=1, le=64)]
    width: Annotated[int, Meta(ge=8, le=4096)]
    height: Annotated[int, Meta(ge=8, le=4096)]
    steps: Annotated[int, Meta(ge=1, le=1000)]
    max_steps: Annotated[int, Meta(ge=1, le=1000)] = 50
    multiple: Annotated[int, Meta(ge=1, le=1024)] = 1
    latent_shift: Annotated[float, Meta(ge=-1e6, le=1e6)] = 0.0
    guidance: Annotated[float, Meta(ge=0.0, le=30.0)] = 1.0
    beside: Literal["height", "width"] = "height"
    tokenizer: FileName | None = None
    tokenizer_2: FileName | None = None
    max_tokens: Annotated[int, Meta(ge=2, le=512)] = 77
    pad_id: TokenId | None = None  # None: the end token
    pad_id_2: TokenId | None = None
    text_outputs: Annotated[tuple[Prefix, ...], Meta(min_length=1, max_length=2)] = ("last_hidden_state",)
    pooled_output: Prefix = "text_embeds"
    zero_negative: bool = False
    timestep_condition: Annotated[int, Meta(ge=4, le=4096)] | None = None  # width of LCM's guidance embedding
    size_condition: bool = False
    latent_rgb: Annotated[tuple[Rgb, ...], Meta(min_length=2, max_length=65)] | None = None

    def __post_init__(self) -> None:
        """Checks what types cannot say; a `ValueError` here reaches the reader as `msgspec.ValidationError`."""
        tokenizers = [name for name in (self.tokenizer, self.tokenizer_2) if name is not None]
        if (self.tokenizer is None) != (self.inputs == "garment") or (self.tokenizer is None and tokenizers):
            raise ValueError("a garment needs no tokenizer, all else one or two")
        if tokenizers and len(self.text_outputs) != len(tokenizers):
            raise ValueError("text_outputs does not name one output a tokenizer")
        if self.width % self.side_multiple or self.height % self.side_multiple:
            raise ValueError("width and height are no multiples of factor and multiple")
        if not self.steps <= self.max_steps <= self.scheduler.train_steps:
            raise ValueError("steps, max_steps and train_steps are out of order")
        if self.scheduler.kind == "lcm" and self.max_steps > self.scheduler.original_steps:
            raise ValueError("max_steps is larger than original_steps")
        if self.latent_rgb is not None and len(self.latent_rgb) != self.latent_channels + 1:
            raise ValueError("latent_rgb is not one row a channel and one of offsets")

    @property
    def side_multiple(self) -> int:
        """What both sides of a picture are multiples of, pixels."""
        return math.lcm(self.factor, self.multiple)


RunnerSpec = (
    Tensors
    | TextEmbedding
    | TextGeneration
    | SpeechRecognition
    | VoiceActivity
    | TextReading
    | ImageStyle
    | Diffusion
)


def files_of(spec: RunnerSpec) -> tuple[str, ...]:
    """The files beside the graphs that a runner reads."""
    names = ("tokenizer", "tokenizer_2", "chat_template", "labels", "characters", "styles")
    found = (getattr(spec, name, None) for name in names)
    return tuple(name for name in found if name is not None)
