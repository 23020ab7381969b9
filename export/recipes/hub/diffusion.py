"""What the diffusion recipes share: graphs of a latent diffusion model, files to fetch, tiny configurations."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.engine.manifest import Precision

from ...recipe import Accuracy, GraphSpec, HubSource, Tensor

# Half-precision weights: half the download, and no sampler sees the difference.
_HALF = "*.fp16.safetensors"
GATES: Mapping[Precision, Accuracy] = {"fp32": Accuracy("max_abs", 1e-3), "fp16": Accuracy("cosine", 0.999)}


def pipeline(repository: str, *folders: str, revision: str = "main") -> HubSource:
    """A diffusers repository: configurations, half-precision safetensors of these components, tokenizers, scheduler."""
    files = [f"{folder}/{name}" for folder in folders for name in ("config.json", _HALF)]
    files += ["model_index.json", "scheduler/scheduler_config.json"]
    files += [f"tokenizer{which}/*" for which in ("", "_2") if f"text_encoder{which}" in folders]
    return HubSource(repository, revision, tuple(files))


def text_encoder(which: str = "", *, hidden: str = "", pooled: bool = False) -> GraphSpec:
    """Token ids to what the denoiser reads; `hidden` names another layer than the last, `pooled` adds a projection."""
    part = f"text_encoder{which}"
    state = Tensor(
        "hidden_state" if hidden else "last_hidden_state",
        "float32",
        ("batch", "tokens", f"{{{part}.hidden_size}}"),
        "one vector a token",
        source=hidden,
    )
    projected = Tensor("text_embeds", "float32", ("batch", f"{{{part}.projection_dim}}"), "one vector a text")
    return GraphSpec(
        name=part,
        component=part,
        inputs=(Tensor("input_ids", "int64", ("batch", "tokens"), "token ids", below=96),),
        outputs=(state, *((projected,) if pooled else ())),
        vary=({"batch": 1, "tokens": 77}, {"batch": 3, "tokens": 77}),
    )


def denoiser(*, channels: int = 4, text: bool = True, sizes: bool = False, condition: bool = False) -> GraphSpec:
    """A noisy latent and its time step to what the scheduler takes away."""
    inputs = [
        Tensor("sample", "float32", ("batch", channels, "height", "width"), "the latent, scaled as the scheduler says"),
        Tensor("timestep", "float32", (), "of the training's steps", values="timestep"),
    ]
    if text:
        width = "{unet.cross_attention_dim}"
        inputs.append(Tensor("encoder_hidden_states", "float32", ("batch", "tokens", width), "one vector a token"))
    if condition:
        inputs.append(Tensor("timestep_cond", "float32", ("batch", "{unet.time_cond_proj_dim}"), "guidance, embedded"))
    if sizes:
        inputs.append(
            Tensor("text_embeds", "float32", ("batch", "{text_encoder_2.projection_dim}"), "one vector a text")
        )
        inputs.append(
            Tensor("time_ids", "float32", ("batch", 6), "original height, width, crop top, left, height, width")
        )
    vary = tuple(
        {"batch": batch, "height": height, "width": width} | ({"tokens": 77} if text else {})
        for batch, height, width in ((1, 8, 16), (2, 16, 8), (2, 32, 24))
    )
    return GraphSpec(
        name="denoiser",
        component="unet",
        inputs=tuple(inputs),
        outputs=(
            Tensor("out_sample", "float32", ("batch", 4, "height", "width"), "noise, or what the scheduler names"),
        ),
        vary=vary,
    )


def decoder() -> GraphSpec:
    """Latents to pictures."""
    return GraphSpec(
        name="decoder",
        component="vae_decoder",
        inputs=(Tensor("latent_sample", "float32", ("batch", 4, "height", "width"), "latent, not scaled"),),
        outputs=(Tensor("sample", "float32", ("batch", 3, "picture_height", "picture_width"), "RGB, -1..1"),),
        vary=({"batch": 1, "height": 6, "width": 10}, {"batch": 2, "height": 12, "width": 8}),
    )


def encoder() -> GraphSpec:
    """Pictures to latents."""
    return GraphSpec(
        name="encoder",
        component="vae_encoder",
        inputs=(Tensor("sample", "float32", ("batch", 3, "picture_height", "picture_width"), "RGB, -1..1"),),
        outputs=(
            Tensor(
                "latent_parameters",
                "float32",
                ("batch", "{moments}", "height", "width"),
                "mean, then logarithm of the variance, not scaled",
            ),
        ),
        vary=(
            {"batch": 1, "picture_height": 64, "picture_width": 96},
            {"batch": 2, "picture_height": 96, "picture_width": 64},
        ),
    )


def preview() -> GraphSpec:
    """A tiny decoder for previews: latents as the denoiser sees them to pictures."""
    return GraphSpec(
        name="preview",
        component="preview.decode",
        inputs=(Tensor("latents", "float32", ("batch", 4, "height", "width"), "latent, scaled"),),
        outputs=(Tensor("sample", "float32", ("batch", 3, "picture_height", "picture_width"), "RGB, -1..1"),),
        vary=({"batch": 1, "height": 6, "width": 10}, {"batch": 2, "height": 12, "width": 8}),
    )


TAESD = HubSource("madebyollin/taesd", "main", ("config.json", "diffusion_pytorch_model.safetensors"))
TAESDXL = HubSource("madebyollin/taesdxl", "main", ("config.json", "diffusion_pytorch_model.safetensors"))

TINY_TEXT: Mapping[str, object] = {
    "vocab_size": 516,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 77,
    "projection_dim": 32,
    "bos_token_id": 514,
    "eos_token_id": 515,
    "hidden_act": "quick_gelu",
}
TINY_UNET: Mapping[str, object] = {
    "sample_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [16, 32],
    "layers_per_block": 1,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "cross_attention_dim": 32,
    "attention_head_dim": 4,
    "norm_num_groups": 4,
}
TINY_VAE: Mapping[str, object] = {
    "sample_size": 16,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [8, 8, 16, 16],
    "layers_per_block": 1,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "norm_num_groups": 4,
    "scaling_factor": 0.18215,
}
TINY_PREVIEW: Mapping[str, object] = {
    "encoder_block_out_channels": [8, 8, 8, 8],
    "decoder_block_out_channels": [8, 8, 8, 8],
    "num_encoder_blocks": [1, 1, 1, 1],
    "num_decoder_blocks": [1, 1, 1, 1],
    "latent_channels": 4,
}
# As the repositories of Stable Diffusion 1.5 have it.
SCHEDULER: Mapping[str, object] = {
    "_class_name": "PNDMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "clip_sample": False,
    "timestep_spacing": "leading",
}
TURBO: Mapping[str, object] = {
    "_class_name": "EulerDiscreteScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "timestep_spacing": "trailing",
    "steps_offset": 1,
}
