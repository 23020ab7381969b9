"""How a diffusion run behaves: steps, previews, cancel, limits, refusals; pictures are compared elsewhere."""

from __future__ import annotations

from typing import Any

import diffusion_fakes as fakes
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from sidecar.engine.runner_specs import Diffusion
from sidecar.engine.runners.diffusion import DiffusionRunner
from sidecar.engine.runners.graph import Terminated
from sidecar.errors import BadRequest, Unavailable


def flat(value: int = 90, width: int = fakes.SIDE, height: int = fakes.SIDE) -> NDArray[np.uint8]:
    return np.full((height, width, 3), value, np.uint8)


def left_half(width: int = fakes.SIDE, height: int = fakes.SIDE) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    return mask


def final(runner: DiffusionRunner, **call: Any) -> NDArray[np.uint8]:
    *_, last = runner.generate(**call)
    return last.image()


# -- steps --------------------------------------------------------------------------------------------------------


def test_a_step_is_told_after_each_run_of_the_denoiser() -> None:
    graphs = fakes.graphs()
    runs = []
    for step in fakes.runner(graphs).generate(prompt="a red dress", steps=5):
        runs.append((step.index, step.of, len(graphs["denoiser"].fed)))
    assert runs == [(index, 5, index) for index in range(1, 6)]


def test_only_the_last_step_has_a_picture() -> None:
    first, *_, last = fakes.runner().generate(prompt="a red dress")
    with pytest.raises(ValueError, match="before the last step"):
        first.image()
    assert last.image().shape == (fakes.SIDE, fakes.SIDE, 3)
    assert last.image().dtype == np.uint8


@pytest.mark.parametrize("kind", ["euler", "euler_ancestral", "ddim", "lcm"])
def test_latents_stay_in_single_precision(kind: str) -> None:
    for step in fakes.runner(scheduler=fakes.scheduler(kind=kind, eta=0.5)).generate(prompt="a red dress"):
        assert (step.latent.dtype, step.estimate.dtype) == (np.float32, np.float32)


def test_a_preview_is_there_after_the_first_step_and_costs_nothing_unasked() -> None:
    graphs = fakes.graphs()
    steps = fakes.runner(graphs).generate(prompt="a red dress")
    first = next(steps)
    assert not graphs["decoder"].fed
    shown = first.preview()
    assert (len(graphs["denoiser"].fed), len(graphs["decoder"].fed)) == (1, 1)
    assert shown.shape == (fakes.SIDE, fakes.SIDE, 3)
    expected = np.kron(first.estimate[:, :3] / 10, np.ones((4, 4)))[0].transpose(1, 2, 0)
    assert np.abs(shown - np.clip(expected / 2 + 0.5, 0, 1) * 255).max() <= 0.51


def test_a_tiny_decoder_draws_the_preview() -> None:
    tiny = fakes.decoder()
    graphs = fakes.graphs(preview=tiny)
    next(fakes.runner(graphs, latent_scale=0.25).generate()).preview()
    assert len(tiny.fed) == 1
    assert not graphs["decoder"].fed
    first = next(fakes.runner(graphs, latent_scale=0.25).generate())
    first.preview()
    assert np.array_equal(tiny.fed[1]["latent_sample"], first.estimate), "it takes latents as the denoiser has them"


def test_a_linear_fit_draws_the_preview_as_small_as_the_latent() -> None:
    fit = ((1.0, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.25), (0.0, 0.0, -0.5))
    graphs = fakes.graphs()
    first = next(fakes.runner(graphs, latent_rgb=fit).generate())
    shown = first.preview()
    red, green, _, last = first.estimate[0]
    expected = np.stack([red, 0.5 * green, 0.25 * last - 0.5], -1)
    assert shown.shape == (8, 8, 3)
    assert np.abs(shown - np.clip(expected / 2 + 0.5, 0, 1) * 255).max() <= 0.51
    assert not graphs["decoder"].fed


# -- cancel -------------------------------------------------------------------------------------------------------


def test_closing_ends_the_work_within_one_step() -> None:
    graphs = fakes.graphs()
    steps = fakes.runner(graphs).generate(steps=50)
    for _ in range(3):
        next(steps)
    steps.close()
    assert len(graphs["denoiser"].fed) == 3
    assert not graphs["decoder"].fed
    assert list(steps) == []


@pytest.mark.parametrize("at", ["text_encoder", "encoder", "denoiser", "decoder"])
def test_a_run_that_is_stopped_ends_the_generator(at: str) -> None:
    class Stopped(fakes.FakeGraph):
        def __call__(self, *_: Any, **__: Any) -> Any:
            raise Terminated

    whole = fakes.graphs()
    whole[at].__class__ = Stopped
    with pytest.raises(Terminated):
        final(fakes.runner(whole), image=flat())


# -- noise and seeds ----------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_picture_and_another_another() -> None:
    pictures = [final(fakes.runner(), prompt="a red dress", seed=seed) for seed in (7, 7, 8)]
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_given_noise_replaces_the_seed() -> None:
    def none(shape: tuple[int, ...]) -> NDArray[np.float32]:
        return np.zeros(shape, np.float32)

    first = next(fakes.runner(guidance=0.0).generate(prompt="", noise=none, seed=1))
    assert np.ptp(first.latent) < 1e-6


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(BadRequest, match="seed"):
        fakes.runner().generate(seed=seed)


# -- guidance -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guidance", [0.0, 1.0])
def test_without_guidance_there_is_one_pass(guidance: float) -> None:
    graphs = fakes.graphs()
    final(fakes.runner(graphs), prompt="a red dress", guidance=guidance)
    assert {len(fed["sample"]) for fed in graphs["denoiser"].fed} == {1}
    assert len(graphs["text_encoder"].fed) == 1


@pytest.mark.parametrize(("batch", "runs", "rows"), [("batch", 4, 2), (2, 4, 2), (1, 8, 1)])
def test_with_guidance_both_texts_go_together_where_the_graph_lets_them(batch: int | str, runs: int, rows: int) -> None:
    graphs = fakes.graphs(denoiser=fakes.denoiser(batch=batch))
    found = final(fakes.runner(graphs), prompt="a red dress", negative="coat", seed=3)
    assert len(graphs["denoiser"].fed) == runs
    assert {len(fed["sample"]) for fed in graphs["denoiser"].fed} == {rows}
    assert np.array_equal(found, final(fakes.runner(), prompt="a red dress", negative="coat", seed=3))


def test_a_graph_of_fixed_batch_two_works_without_guidance() -> None:
    graphs = fakes.graphs(denoiser=fakes.denoiser(batch=2))
    found = final(fakes.runner(graphs), prompt="a red dress", guidance=0.0, seed=3)
    assert np.array_equal(found, final(fakes.runner(), prompt="a red dress", guidance=0.0, seed=3))


def test_the_time_step_has_the_shape_and_type_that_the_graph_declares() -> None:
    declared = [("int64", ()), ("float32", (1,)), ("int32", ("batch",)), ("float16", ("other",))]
    for dtype, shape in declared:
        graph = fakes.denoiser(timestep=(dtype, shape))
        final(fakes.runner(fakes.graphs(denoiser=graph)), prompt="a")
        expected = () if not shape else (2,) if shape == ("batch",) else (1,)
        assert [fed["timestep"].shape for fed in graph.fed] == [expected] * 4
        assert [float(fed["timestep"].flat[0]) for fed in graph.fed] == [751, 501, 251, 1]


# -- pictures in --------------------------------------------------------------------------------------------------


def test_strength_says_how_many_steps_are_taken() -> None:
    taken = {}
    for strength in (0.25, 0.5, 1.0):
        steps = list(fakes.runner().generate(image=flat(), strength=strength, steps=8))
        taken[strength] = [(step.index, step.of) for step in steps][-1]
    assert taken == {0.25: (2, 2), 0.5: (4, 4), 1.0: (8, 8)}


def test_latents_are_shifted_before_they_are_scaled() -> None:
    graphs = fakes.graphs()
    runner = fakes.runner(graphs, latent_scale=0.5, latent_shift=3.0)
    first = next(runner.generate(image=flat(200), mask=np.zeros((32, 32), np.uint8)))
    assert np.allclose(first.estimate[:, :3], ((200 / 127.5 - 1) * 10 - 3) * 0.5, atol=1e-4)
    assert np.abs(first.preview().astype(int) - 200).max() <= 1, "and back"


def test_outside_the_mask_the_picture_may_stay_as_it_was() -> None:
    image = np.random.default_rng(0).integers(0, 256, (fakes.SIDE, fakes.SIDE, 3), np.uint8)
    found = final(fakes.runner(), image=image, mask=left_half(), keep_outside=True)
    assert np.array_equal(found[:, 16:], image[:, 16:])
    assert not np.array_equal(found[:, :16], image[:, :16])
    changed = final(fakes.runner(), image=image, mask=left_half())
    assert np.array_equal(changed[:, :16], found[:, :16])
    assert not np.array_equal(changed[:, 16:], image[:, 16:])


def test_a_preview_of_painting_shows_the_picture_outside_the_mask() -> None:
    first = next(fakes.runner().generate(image=flat(200), mask=left_half()))
    assert np.abs(first.preview()[:, 16:].astype(int) - 200).max() <= 1


def test_garment_and_person_become_a_picture_of_the_person() -> None:
    graphs = fakes.graphs(text_encoder=None, denoiser=fakes.denoiser(channels=9, encoder_hidden_states=None))
    runner = fakes.runner(graphs, inputs="garment", tokenizer=None, beside="width")
    *_, last = runner.generate(image=flat(200), mask=left_half(), garment=flat(20))
    assert last.image().shape == (fakes.SIDE, fakes.SIDE, 3)
    fed = graphs["denoiser"].fed[0]["sample"]
    assert fed.shape == (2, 9, 8, 16)
    assert not fed[0, 5:, :, 8:].any(), "the pass without the garment has none"
    assert np.allclose(fed[1, 5:8, :, 8:], (20 / 127.5 - 1) * 10, atol=1e-4)
    assert fed[1, 4, :, :4].all()
    assert not fed[1, 4, :, 4:].any()
    assert not fed[1, 5:, :, :4].any(), "what is painted anew is hidden"
    assert np.allclose(fed[1, 5:8, :, 4:8], (200 / 127.5 - 1) * 10, atol=1e-4)


# -- what is refused before anything runs -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"width": 30}, "multiples of 4"),
        ({"height": 0}, "multiples of 4"),
        ({"width": -32}, "multiples of 4"),
        ({"width": 132}, "too large"),
        ({"width": 128, "height": 64}, "too large"),
        ({"steps": 0}, "between 1 and 50"),
        ({"steps": 51}, "between 1 and 50"),
        ({"guidance": -1.0}, "guidance"),
        ({"guidance": 31.0}, "guidance"),
        ({"guidance": float("nan")}, "guidance"),
        ({"image": flat(), "strength": 0.0}, "strength"),
        ({"image": flat(), "strength": 1.1}, "strength"),
        ({"image": flat(), "strength": float("nan")}, "strength"),
        ({"image": flat(), "strength": 0.1}, "take 10 steps or more"),
        ({"image": flat(width=30)}, "multiples of 4"),
        ({"image": flat()[..., 0]}, "RGB, 8 bits, 32 x 32"),
        ({"image": flat()[0, :, 0]}, "rows and columns"),
        ({"image": flat(), "width": 64}, "RGB, 8 bits, 64 x 32"),
        ({"image": flat().astype(np.float32)}, "RGB, 8 bits"),
        ({"image": flat(), "mask": left_half(width=28)}, "mask must be grey"),
        ({"image": flat(), "mask": flat()}, "mask must be grey"),
        ({"mask": left_half()}, "needs a picture"),
        ({"garment": flat()}, "takes no garment"),
    ],
)
def test_what_the_model_cannot_do_is_refused_at_once(call: dict[str, Any], message: str) -> None:
    graphs = fakes.graphs()
    with pytest.raises(BadRequest, match=message):
        fakes.runner(graphs).generate(**call)
    assert not any(graph.fed for graph in graphs.values())


def test_sides_up_to_four_times_the_area_are_taken() -> None:
    assert final(fakes.runner(), width=64, height=64).shape == (64, 64, 3)
    assert final(fakes.runner(), width=128, height=32).shape == (32, 128, 3)


def test_a_model_of_words_takes_no_picture() -> None:
    with pytest.raises(BadRequest, match="from words only"):
        fakes.runner(fakes.graphs(encoder=None)).generate(image=flat())


def test_a_model_that_paints_or_dresses_says_what_it_needs() -> None:
    nine = fakes.graphs(denoiser=fakes.denoiser(channels=9))
    with pytest.raises(BadRequest, match="needs a picture and a mask"):
        fakes.runner(nine, inputs="inpaint").generate(image=flat())
    silent = fakes.graphs(text_encoder=None, denoiser=fakes.denoiser(channels=9, encoder_hidden_states=None))
    dresser = fakes.runner(silent, inputs="garment", tokenizer=None)
    with pytest.raises(BadRequest, match="a picture, a mask and a garment"):
        dresser.generate(image=flat(), mask=left_half())
    with pytest.raises(BadRequest, match="with a garment it is 1"):
        dresser.generate(image=flat(), mask=left_half(), garment=flat(), strength=0.5)


def test_a_graph_of_fixed_sides_makes_pictures_of_these_only() -> None:
    fixed = fakes.denoiser(sample=("float32", ("batch", 4, 8, 8)))
    runner = fakes.runner(fakes.graphs(denoiser=fixed))
    assert final(runner).shape == (32, 32, 3)
    with pytest.raises(BadRequest, match="32 x 32 pixels only"):
        runner.generate(width=36)


# -- packs that lie -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({"denoiser": None}, {}, "no denoiser"),
        ({"decoder": None}, {}, "no decoder"),
        ({"encoder": None, "denoiser": fakes.denoiser(channels=9)}, {"inputs": "inpaint"}, "none of the encoder"),
        ({"text_encoder": None}, {}, "do not belong together"),
        ({"text_encoder_2": fakes.text_encoder()}, {}, "do not belong together"),
        ({"text_encoder": fakes.text_encoder("pooler_output")}, {}, "lacks an output"),
        ({}, {"size_condition": True}, "lacks an output"),
        ({"denoiser": fakes.denoiser(channels=9)}, {}, "does not take 4 channels"),
        ({"denoiser": fakes.denoiser(batch=7)}, {}, "other batches"),
        ({"denoiser": fakes.denoiser(sample=("float32", (1, 4)))}, {}, "does not take 4 channels"),
        ({"denoiser": fakes.denoiser(down_residual=("float32", (1,)))}, {}, "asks for inputs"),
        ({"denoiser": fakes.denoiser(timestep=None)}, {}, "asks for inputs"),
        ({"denoiser": fakes.denoiser(timestep=("int64", (1, 1)))}, {}, "time steps of a shape"),
        ({}, {"scheduler": fakes.scheduler(kind="euler", spacing="linspace")}, "fractions of steps"),
    ],
)
def test_graphs_that_do_not_fit_the_runner_are_refused(
    changed: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(Unavailable, match=message):
        fakes.runner(fakes.graphs(**changed), **options)


def test_a_denoiser_that_asks_for_more_than_the_manifest_says_is_refused() -> None:
    graphs = fakes.graphs(denoiser=fakes.denoiser(time_ids=("float32", ("batch", 6))))
    with pytest.raises(Unavailable, match="do not belong together"):
        next(fakes.runner(graphs).generate())


@pytest.mark.parametrize("at", ["denoiser", "decoder", "encoder"])
def test_an_answer_of_another_shape_is_refused(at: str) -> None:
    graphs = fakes.graphs()
    compute = graphs[at]._compute
    graphs[at]._compute = lambda feeds: {name: value[:, :2] for name, value in compute(feeds).items()}
    with pytest.raises(Unavailable, match="another shape"):
        final(fakes.runner(graphs), image=flat())


def test_a_picture_that_is_not_a_number_is_refused() -> None:
    graphs = fakes.graphs()
    graphs["decoder"]._compute = lambda feeds: {"sample": np.full((1, 3, 32, 32), np.nan, np.float32)}
    with pytest.raises(Unavailable, match="export it with --precision fp32"):
        final(fakes.runner(graphs))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 30}, "multiples"),
        ({"multiple": 64}, "multiples"),
        ({"steps": 60}, "out of order"),
        ({"tokenizer": None}, "tokenizer"),
        ({"inputs": "garment"}, "tokenizer"),
        ({"text_outputs": ["a", "b"]}, "text_outputs"),
        ({"latent_rgb": [[1, 0, 0]] * 4}, "latent_rgb"),
        ({"scheduler": {"beta_start": 0.5}}, "beta_start"),
        ({"scheduler": {"kind": "lcm", "original_steps": 2000}}, "original_steps"),
        ({"scheduler": {"rescale_betas_zero_snr": True}}, "zero SNR"),
        ({"scheduler": {"kind": "lcm", "original_steps": 20}}, "max_steps"),
        ({"scheduler": {"beta_end": 1.0}}, "< 1.0"),
        ({"width": 1 << 20}, "<= 4096"),
    ],
)
def test_a_manifest_whose_numbers_contradict_each_other_is_refused(changes: dict[str, Any], message: str) -> None:
    plain = msgspec.to_builtins(fakes.spec())
    scheduler = plain["scheduler"] | changes.pop("scheduler", {})
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(plain | changes | {"scheduler": scheduler}, Diffusion)
