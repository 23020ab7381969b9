from __future__ import annotations

import numpy as np
import pytest
from speech_fakes import tone
from transformers import WhisperFeatureExtractor

from sidecar.engine.runners.mel import FRAMES, SAMPLES, log_mel


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("length", [1, 50, 199, 200, 201, 12_345, 112_123, SAMPLES - 150, SAMPLES, SAMPLES + 4000])
def test_it_is_the_spectrum_of_transformers(bands: int, length: int) -> None:
    """Every length on which something different happens at the end."""
    sound = (np.random.default_rng(length).standard_normal(length) * np.linspace(0, 0.3, length)).astype(np.float32)
    extractor = WhisperFeatureExtractor(feature_size=bands)
    expected = extractor(sound, sampling_rate=16_000, return_tensors="np").input_features
    found = log_mel(sound, bands)
    assert found.dtype == np.float32 and found.shape == (1, bands, FRAMES)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_silence_and_nothing_are_even() -> None:
    assert np.unique(log_mel(np.zeros(16_000, np.float32), 80)).tolist() == [-1.5]
    assert np.unique(log_mel(np.zeros(0, np.float32), 80)).tolist() == [-1.5]


def test_a_tone_is_in_its_band() -> None:
    low, high = (int(log_mel(tone(1.0, hertz), 80)[0, :, 50].argmax()) for hertz in (200.0, 3000.0))
    assert low == pytest.approx(200 / 1000 * 15 * 81 / 45.25, abs=1.5)  # linear below 1 kHz, 45.25 mels in all
    assert 50 < high < 60
