"""What is built into a source model before its export: LoRA, try-on attention, OpenCLIP's layout, half-precision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_sources import Sources

from export.errors import SourceError, UnknownArchitecture
from export.routes import garment, joint_bert, loading, lora, open_clip
from export.tiny.source import write


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(tmp_path_factory.getbasetemp() / "small-models")


ATTENTION = "attention/mix-48k-1024/attention/model.safetensors"


def denoiser(source: Path) -> Any:
    return diffusers.UNet2DConditionModel.from_pretrained(source / "unet", variant="fp16").eval()


def changed(before: Any, after: Any) -> set[str]:
    mine, theirs = before.state_dict(), after.state_dict()
    return {name for name in mine if not torch.equal(mine[name], theirs[name])}


@torch.no_grad()
def test_a_fused_lora_answers_as_one_that_is_run_beside_the_weights(sources: Sources) -> None:
    _, source = sources("sd15-lcm")
    fused, plain = denoiser(source), denoiser(source)
    lora.fuse(fused, source / "lora")
    weights = load_file(source / "lora" / "pytorch_lora_weights.safetensors")
    stems = {name.removesuffix(".alpha") for name in weights if name.endswith(".alpha")}
    assert len(stems) > 10
    for name, module in plain.named_modules():
        stem = "lora_unet_" + name.replace(".", "_")
        if stem in stems:
            module.register_forward_hook(beside(weights, stem, module))
    given = torch.randn(1, 4, 8, 8), torch.tensor(500.0), torch.randn(1, 77, 32)
    with_hooks, once = plain(*given).sample, fused(*given).sample
    assert (once - denoiser(source)(*given).sample).abs().max() > 0.1
    torch.testing.assert_close(once, with_hooks, rtol=1e-4, atol=1e-4)


def beside(weights: dict[str, torch.Tensor], stem: str, module: Any) -> Any:
    low, high = weights[f"{stem}.lora_down.weight"], weights[f"{stem}.lora_up.weight"]
    scale = float(weights[f"{stem}.alpha"]) / low.shape[0]

    def hook(_: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        if low.ndim == 2:
            return output + scale * (inputs[0] @ low.T) @ high.T
        middle = torch.nn.functional.conv2d(inputs[0], low, stride=module.stride, padding=module.padding)
        return output + scale * torch.nn.functional.conv2d(middle, high)

    return hook


def test_the_other_way_of_naming_a_lora_is_read_as_well(sources: Sources, tmp_path: Path) -> None:
    _, source = sources("sd15-lcm")
    unet = denoiser(source)
    place = next(name for name, _ in unet.named_modules() if name.endswith("attn1.to_q"))
    before = unet.get_submodule(place).weight.detach().clone()
    low, high = torch.randn(2, before.shape[1]), torch.randn(before.shape[0], 2)
    save_file({f"unet.{place}.lora_A.weight": low, f"unet.{place}.lora_B.weight": high}, tmp_path / "a.safetensors")
    lora.fuse(unet, tmp_path, scale=0.5)
    torch.testing.assert_close(unet.get_submodule(place).weight.detach(), before + 0.5 * high @ low)
    assert changed(denoiser(source), unet) == {f"{place}.weight"}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"lora_te_text_model_x.lora_down.weight": (2, 4), "lora_te_text_model_x.lora_up.weight": (4, 2)}, "not have"),
        ({"lora_unet_conv_in.lora_down.weight": (2, 4, 3, 3)}, "does not have"),
        (
            {"lora_unet_conv_in.lora_down.weight": (2, 4, 1, 1), "lora_unet_conv_in.lora_up.weight": (16, 2, 1, 1)},
            "shape",
        ),
        ({"anything": (3,)}, "no LoRA of this denoiser: anything"),
    ],
    ids=["of the text encoder", "half of one", "another kernel", "none at all"],
)
def test_a_lora_that_does_not_fit_is_refused(
    sources: Sources, tmp_path: Path, weights: dict[str, tuple[int, ...]], message: str
) -> None:
    save_file({name: torch.zeros(shape) for name, shape in weights.items()}, tmp_path / "a.safetensors")
    with pytest.raises(SourceError, match=message):
        lora.fuse(denoiser(sources("sd15-lcm")[1]), tmp_path)


@torch.no_grad()
def test_a_try_on_denoiser_has_the_published_attention_and_reads_no_text(sources: Sources) -> None:
    recipe, source = sources("catvton")
    unet = loading.load(recipe, source).unet
    assert {".attn1." in name for name in changed(denoiser(source), unet)} == {True}
    weights = load_file(source / ATTENTION)
    blocks = [module for name, module in unet.named_modules() if name.endswith(".attn1")]
    assert len(blocks) > 1
    for index, block in enumerate(blocks):
        torch.testing.assert_close(block.to_out[0].bias, weights[f"{8 * index}.to_out.0.bias"])
    sample, time = torch.randn(1, 9, 16, 8), torch.tensor(3.0)
    wanted = denoiser(source)
    for name, module in wanted.named_modules():
        if name.endswith(".attn2"):
            module.forward = lambda hidden_states, **kwargs: hidden_states
        elif name.endswith(".attn1"):
            module.load_state_dict(unet.get_submodule(name).state_dict())
    text = torch.randn(1, 77, 32)
    torch.testing.assert_close(unet(sample, time, None).sample, wanted(sample, time, text).sample)
    torch.testing.assert_close(unet(sample, time, text).sample, unet(sample, time, None).sample)


@pytest.mark.parametrize("stride", [7, 8])
def test_attention_under_any_of_its_names_comes_to_its_place(sources: Sources, tmp_path: Path, stride: int) -> None:
    """PyTorch's list names each weight several times, and whoever stored it kept one of the names."""
    _, source = sources("catvton")
    wanted, found = denoiser(source), denoiser(source)
    garment.adapt(wanted, source / "attention")
    kept = {}
    for name, value in load_file(source / ATTENTION).items():
        number, _, rest = name.partition(".")
        index = int(number) // 8
        aliases = {"to_q": (1, ""), "to_k": (2, ""), "to_v": (0, "to_v."), "to_out": (5, "")}
        offset, prefix = aliases[rest.split(".")[0]]
        kept[f"{index * stride + offset}.{prefix}{rest.rpartition('.')[2]}"] = value
    save_file(kept, tmp_path / "model.safetensors")
    garment.adapt(found, tmp_path)
    assert not changed(wanted, found)


def test_attention_of_another_denoiser_is_refused(sources: Sources, tmp_path: Path) -> None:
    _, source = sources("catvton")
    weights = load_file(source / ATTENTION)
    del weights["0.to_q.weight"]
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(SourceError, match="does not hold the self-attention"):
        garment.adapt(denoiser(source), tmp_path)


def test_open_clip_names_become_the_librarys_and_none_is_left_over(sources: Sources, tmp_path: Path) -> None:
    _, source = sources("fashion-siglip-text")
    model = open_clip.load(source)
    stored = load_file(source / open_clip.WEIGHTS)
    state = model.state_dict()
    fused = stored["text.transformer.resblocks.1.attn.in_proj_weight"]
    names = [f"text_model.encoder.layers.1.self_attn.{part}_proj.weight" for part in "qkv"]
    torch.testing.assert_close(torch.cat([state[name] for name in names]), fused)
    pool = torch.cat([stored["visual.trunk.attn_pool.q.bias"], stored["visual.trunk.attn_pool.kv.bias"]])
    torch.testing.assert_close(state["vision_model.head.attention.in_proj_bias"], pool)
    assert sum(value.numel() for value in stored.values()) == sum(value.numel() for value in state.values())
    save_file(stored | {"visual.trunk.extra": torch.zeros(1)}, tmp_path / open_clip.WEIGHTS)
    (tmp_path / open_clip.CONFIG).write_bytes((source / open_clip.CONFIG).read_bytes())
    with pytest.raises(SourceError, match=r"does not fit its configuration: visual\.trunk\.extra"):
        open_clip.load(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("no_causal_mask", False), ("pool_type", "argmax"), ("timm_pool", "avg"), ("timm_model_name", "convnext_base")],
)
def test_another_open_clip_model_is_refused(sources: Sources, tmp_path: Path, field: str, value: object) -> None:
    _, source = sources("fashion-siglip-text")
    config = json.loads((source / open_clip.CONFIG).read_text())
    part = "text_cfg" if field in ("no_causal_mask", "pool_type") else "vision_cfg"
    config["model_cfg"][part][field] = value
    (tmp_path / open_clip.CONFIG).write_text(json.dumps(config))
    with pytest.raises(UnknownArchitecture):
        open_clip.configuration(tmp_path)


def test_a_joint_bert_with_a_crf_or_without_a_head_is_refused(sources: Sources, tmp_path: Path) -> None:
    _, source = sources("joint-intent")
    weights = load_file(source / joint_bert.WEIGHTS)
    (tmp_path / "config.json").write_bytes((source / "config.json").read_bytes())
    save_file(weights | {"crf.transitions": torch.zeros(7, 7)}, tmp_path / joint_bert.WEIGHTS, {"format": "pt"})
    with pytest.raises(SourceError, match=r"crf\.transitions"):
        joint_bert.load(tmp_path)
    headless = {name: value for name, value in weights.items() if "slot" not in name}
    save_file(headless, tmp_path / joint_bert.WEIGHTS, {"format": "pt"})
    with pytest.raises(SourceError, match=r"no slot_classifier\.linear\.weight"):
        joint_bert.configuration(tmp_path)


def test_half_precision_files_are_read_where_there_are_no_others(sources: Sources) -> None:
    recipe, source = sources("sd15-inpaint")
    assert [path.name for path in (source / "unet").glob("*.safetensors")] == [
        "diffusion_pytorch_model.fp16.safetensors"
    ]
    assert loading.load(recipe, source).unet.dtype == torch.float32


def test_a_class_that_is_no_model_of_the_library_is_not_looked_up(sources: Sources, tmp_path: Path) -> None:
    recipe, _ = sources("sd15-inpaint")
    write(recipe, tmp_path)
    for name in ("__builtins__", "utils.os", "NoSuchModel", 7):
        (tmp_path / "unet" / "config.json").write_text(json.dumps({"_class_name": name}))
        with pytest.raises((UnknownArchitecture, SourceError)):
            loading.load(recipe, tmp_path)


def test_a_damaged_configuration_is_one_sentence(sources: Sources, tmp_path: Path) -> None:
    recipe, _ = sources("vit-classes")
    write(recipe, tmp_path)
    for text in ("{", "[" * 5000, "[]", "\x00"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(SourceError):
            loading.configuration(recipe, tmp_path)
