from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from speech_fakes import tone

from sidecar.engine.runners.audio import checked, read_wav, resampled
from sidecar.errors import BadRequest


def write(path: Path, data: bytes, *, rate: int = 16_000, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 44_100, 48_000])
def test_a_tone_stays_the_tone_that_it_is_at_another_rate(rate: int) -> None:
    at = np.arange(rate) / rate
    found = resampled(np.sin(2 * np.pi * 1000 * at).astype(np.float32), rate)
    assert len(found) == 16_000
    expected = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(found[200:-200], expected[200:-200], atol=2e-3)  # the ends hear the silence around


def test_what_the_new_rate_cannot_hold_is_gone() -> None:
    at = np.arange(48_000) / 48_000
    found = resampled(np.sin(2 * np.pi * 11_000 * at).astype(np.float32), 48_000)
    assert np.abs(found[200:-200]).max() < 2e-3  # it would come back as 5 kHz


def test_short_sounds_and_none_are_resampled_too() -> None:
    assert len(resampled(np.zeros(0, np.float32), 44_100)) == 0
    assert len(resampled(np.ones(3, np.float32), 44_100)) == 2
    same = tone(0.1)
    assert resampled(same, 16_000) is same


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_of_whole_numbers_is_read(tmp_path: Path, width: int) -> None:
    sound, top = tone(0.05), 2 ** (8 * width - 1) - 1
    numbers = np.rint(sound * top).astype(np.int64)
    if width == 1:
        data = (numbers + 128).astype(np.uint8).tobytes()
    else:
        data = b"".join(int(value).to_bytes(width, "little", signed=True) for value in numbers)
    np.testing.assert_allclose(read_wav(write(tmp_path / "a.wav", data, width=width)), sound, atol=1.5 / top)


def test_channels_are_mixed(tmp_path: Path) -> None:
    both = np.array([[8192, -8192], [16384, 0]], "<i2")
    np.testing.assert_allclose(read_wav(write(tmp_path / "a.wav", both.tobytes(), channels=2)), [0.0, 0.25])


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"ID3\3 no wave at all")
    with pytest.raises(BadRequest, match=r"a\.wav is not a WAV file of whole numbers.*ffmpeg"):
        read_wav(tmp_path / "a.wav")
    with pytest.raises(BadRequest, match="is not a WAV file"):
        read_wav(tmp_path / "missing.wav")
    file = write(tmp_path / "b.wav", tone(0.1).tobytes(), rate=1_000)
    with pytest.raises(BadRequest, match="4 to 384 kHz"):
        read_wav(file)
    whole = write(tmp_path / "c.wav", (tone(0.1) * 32767).astype("<i2").tobytes())
    whole.write_bytes(whole.read_bytes()[:-333])  # cut in the middle of a sample
    assert 1000 < len(read_wav(whole)) < 1600


def test_sound_that_models_cannot_take_is_refused() -> None:
    for bad in (np.zeros((2, 2), np.float32), np.zeros(4), np.zeros(3601 * 16_000, np.float32)):
        with pytest.raises(BadRequest, match="one row of float32"):
            checked(bad)  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match="not numbers"):
        checked(np.array([0.0, np.nan], np.float32))
