"""JointBERT (Chen et al., 2019, arXiv:1902.10909): one BERT with a head for the intent and one for the slots.

Neither library has it. Weights lie as in the common PyTorch implementation: `bert.*`, `intent_classifier.linear.*` over
the pooled first token, `slot_classifier.linear.*` over every token. A checkpoint with a CRF over the slots is refused:
its answer is not the largest logit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open

from ..errors import SourceError

WEIGHTS = "model.safetensors"
_LIBRARY: Any = transformers


@dataclass
class Answer:
    """`intent_logits` [batch, intents], `slot_logits` [batch, sequence, slots]."""

    intent_logits: torch.Tensor
    slot_logits: torch.Tensor


class _Head(torch.nn.Module):
    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(width, labels)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.linear(hidden)
        return logits


class JointBert(_LIBRARY.BertPreTrainedModel):  # type: ignore[misc]
    """`config.intents` and `config.slots` are the numbers of labels."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = _LIBRARY.BertModel(config)
        self.intent_classifier = _Head(config.hidden_size, config.intents)
        self.slot_classifier = _Head(config.hidden_size, config.slots)
        self.post_init()

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> Answer:
        """Ids, mask and types [batch, sequence] int64."""
        answer = self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return Answer(self.intent_classifier(answer.pooler_output), self.slot_classifier(answer.last_hidden_state))


def configuration(source: Path) -> dict[str, Any]:
    """BERT's configuration, and the numbers of labels as the weights have them. Raises `SourceError`."""
    return dict(_config(source).to_dict())


def load(source: Path) -> JointBert:
    """The model of a folder; raises `SourceError` where weights are missing or there are more than this model has."""
    model, report = JointBert.from_pretrained(
        source, config=_config(source), use_safetensors=True, local_files_only=True, output_loading_info=True
    )
    strange = [name for name in report["unexpected_keys"] if not name.endswith("position_ids")]
    if report["missing_keys"] or strange:
        wrong = (*report["missing_keys"], *strange)
        raise SourceError(f"{WEIGHTS} does not hold a JointBERT without CRF: {', '.join(wrong[:5])}.")
    joint: JointBert = model.float().eval()
    return joint


def _config(source: Path) -> Any:
    config = _LIBRARY.BertConfig.from_pretrained(source, local_files_only=True)
    path = source / WEIGHTS
    if not path.is_file():
        raise SourceError(f"{WEIGHTS} is missing.")
    with safe_open(path, "pt") as weights:
        for field, head in (("intents", "intent_classifier"), ("slots", "slot_classifier")):
            name = f"{head}.linear.weight"
            if name not in weights.keys():  # noqa: SIM118 - a file, not a mapping
                raise SourceError(f"{WEIGHTS} has no {name}: it is not a JointBERT.")
            setattr(config, field, int(weights.get_slice(name).get_shape()[0]))
    return config
