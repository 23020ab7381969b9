"""Which answer of a recording a live call gets, and in which form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from replay.recordings import GLASSES, TOP, Studio, drawn, raw, shop

from sidecar.errors import BadRequest, Internal, NotFound, TooLarge
from sidecar.ops import pictures as wire_pictures
from sidecar.ops import registry
from sidecar.replay import live_input, reader
from sidecar.replay.player import Job, Played, Player
from sidecar.wire import codec
from sidecar.wire.messages import ShmRef
from sidecar.wire.ops import WireImage
from sidecar.wire.shm import create_lane

CAP: dict[str, Any] = {"product": "sample-glasses-2"}


class Live:
    """A live connection, as the gateway would hand its jobs to the player."""

    def __init__(self, player: Player, conn: int = 1) -> None:
        self.player = player
        self.conn = conn
        self._n = 0

    def job(self, op: str, step: str, given: dict[str, Any] | None = None, *, call: int = 1, **more: Any) -> Played:
        key = "a" if step in ("call", "open") else "d"
        raw_message = b"" if given is None else codec.encode({"t": "x", "id": call, key: given})
        grants = more.pop("grants", [])
        return self.player.play(Job(self.conn, call, step, op, raw_message, grants, more.pop("image_px", 1 << 24)))

    def call(self, op: str, a: dict[str, Any], **more: Any) -> dict[str, Any]:
        return result_of(self.job(op, "call", a, **more))

    def open(self, layers: list[Any], *, call: int = 1, **options: Any) -> Played:
        return self.job("tryon.stream", "open", {"layers": layers, **options}, call=call)

    def wear(self, layers: list[Any]) -> Played:
        return self.job("tryon.stream", "push", {"layers": layers})

    def push(self, image: dict[str, Any] | None = None, *, call: int = 1, **more: Any) -> dict[str, Any]:
        self._n += 1
        d = {"n": self._n, "t_us": 7 * self._n, "image": image or raw(drawn(77))}
        return result_of(self.job("tryon.stream", "push", d, call=call, **more))

    def seeds(self, count: int, *, call: int = 1) -> list[int]:
        """Which recorded frames the next pushes are answered with, by the seed that drew them."""
        return [seed_of(self.push(call=call)["image"]) for _ in range(count)]


def result_of(played: Played) -> dict[str, Any]:
    if played.error is not None:
        raise played.error
    return codec.decode(played.body)


def pixels_of(image: dict[str, Any]) -> Any:
    form = WireImage(f=image["f"], d=image["d"], w=image["w"], h=image["h"], o=image["o"])
    return wire_pictures.read(form, lambda: memoryview(image["d"]), max_px=1 << 24)


def seed_of(image: dict[str, Any]) -> int:
    shown = pixels_of(image)
    return next(seed for seed in range(200) if (drawn(seed) == shown).all())


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop(tmp_path_factory.mktemp("player") / "shop.vrec")


@pytest.fixture
def player(file: Path) -> Iterator[Player]:
    made = Player(reader.read(file))
    yield made
    made.close()


@pytest.fixture
def live(player: Player) -> Live:
    return Live(player)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path / "x.vrec")


def playing(studio: Studio, **options: Any) -> Live:
    studio.stop()
    return Live(Player(reader.read(studio.path), **options))


# -- frames --------------------------------------------------------------------------------------------------------


def test_frames_come_in_the_order_of_the_recording_and_the_last_is_held(live: Live) -> None:
    assert live.open([GLASSES]).error is None
    assert live.seeds(5) == [100, 101, 102, 102, 102]


def test_with_loop_they_begin_again(file: Path) -> None:
    live = Live(Player(reader.read(file), loop=True))
    live.open([GLASSES])
    assert live.seeds(7) == [100, 101, 102, 100, 101, 102, 100]


def test_a_frame_says_which_live_frame_it_answers_and_how_long_it_once_took(live: Live) -> None:
    live.open([GLASSES])
    played = live.job("tryon.stream", "push", {"n": 41, "t_us": 99, "image": raw(drawn(1))})
    result = codec.decode(played.body)
    assert (result["n"], result["t_us"], result["confidence"]) == (41, 99, 0.5)
    assert played.timings == (1.0, 8.0, 1.0) and played.service_s == pytest.approx(0.010)


def test_other_layers_bring_the_frames_that_wear_them(live: Live) -> None:
    live.open([GLASSES])
    assert live.seeds(1) == [100]
    change = live.wear([TOP])
    assert codec.decode(change.body) == {} and change.service_s == pytest.approx(0.001)
    assert live.seeds(2) == [103, 104]
    live.wear([GLASSES])  # as in the recording: the second stretch with glasses
    assert live.seeds(2) == [105, 105]


def test_layers_that_are_said_again_change_nothing(live: Live) -> None:
    live.open([GLASSES])
    assert live.seeds(1) == [100]
    live.wear([GLASSES])
    assert live.seeds(1) == [101]


def test_layers_and_a_frame_in_one_push(live: Live) -> None:
    live.open([GLASSES])
    push = {"n": 1, "t_us": 1, "image": raw(drawn(1)), "layers": [TOP]}
    assert seed_of(result_of(live.job("tryon.stream", "push", push))["image"]) == 103


@pytest.mark.parametrize(
    ("layers", "seed"),
    [
        ([TOP], 103),
        ([TOP | {"size": "XL"}], 103),  # the same product in another size
        ([TOP | {"colour": "#00ff00"}], 103),
        ([CAP], 100),  # never recorded: the first
        ([], 100),
    ],
)
def test_the_nearest_layers_are_played(live: Live, layers: list[Any], seed: int) -> None:
    live.open(layers)
    assert live.seeds(1) == [seed]


def test_every_connection_begins_at_the_start(player: Player) -> None:
    for conn in (1, 2):
        live = Live(player, conn)
        live.open([GLASSES])
        assert live.seeds(4) == [100, 101, 102, 102]
        player.detach(conn)
    assert not player._choosers and not player._streams, "nothing is kept of connections that are gone"


def test_streams_of_one_connection_go_on_in_the_recording(live: Live) -> None:
    live.open([GLASSES], call=1)
    live.open([GLASSES], call=2)
    live.open([GLASSES], call=3)
    assert live.seeds(1, call=1) == [100] and live.seeds(1, call=2) == [105] and live.seeds(1, call=3) == [105]


def test_a_stream_without_an_answer_is_not_chosen(studio: Studio) -> None:
    studio.open([GLASSES])
    studio.end()
    studio.open([TOP], call=2)
    studio.frame(0, drawn(5), call=2)
    live = playing(studio)
    live.open([GLASSES])
    assert live.seeds(1) == [5]


def test_an_ended_stream_is_over(live: Live) -> None:
    live.open([GLASSES])
    assert result_of(live.job("tryon.stream", "end")) == {}
    for over in (lambda: live.push(), lambda: result_of(live.job("tryon.stream", "end"))):
        with pytest.raises(NotFound, match="open it again"):
            over()
    live.open([GLASSES])
    live.player.close_stream(1, 1)
    with pytest.raises(NotFound):
        live.push()


# -- calls ---------------------------------------------------------------------------------------------------------


def stills(studio: Studio, *, loop: bool = False) -> Live:
    """Stills of two people in glasses and in a top: seeds 10 to 13."""
    for seed, (person, layers) in enumerate(((1, [GLASSES]), (1, [TOP]), (2, [GLASSES]), (2, [TOP])), start=10):
        studio.call("tryon.still", {"image": raw(drawn(person)), "layers": layers}, {"image": raw(drawn(seed))})
    return playing(studio, loop=loop)


def still(live: Live, person: int, layers: list[Any], **more: Any) -> int:
    a = {"image": raw(drawn(person)), "layers": layers, **more}
    return seed_of(live.call("tryon.still", a)["image"])


def test_the_same_arguments_get_the_same_answer(studio: Studio) -> None:
    live = stills(studio)
    assert [still(live, person, [layer]) for person in (2, 1) for layer in (TOP, GLASSES)] == [13, 12, 11, 10]
    assert [still(live, 2, [GLASSES]) for _ in range(3)] == [12, 12, 12]


def test_else_the_same_layers_in_the_order_of_the_recording(studio: Studio) -> None:
    live = stills(studio)
    assert [still(live, 9, [TOP]) for _ in range(3)] == [11, 13, 13]


def test_else_the_same_op_in_the_order_of_the_recording(studio: Studio) -> None:
    live = stills(studio, loop=True)
    assert [still(live, 9, [CAP]) for _ in range(6)] == [10, 11, 12, 13, 10, 11]


def test_an_op_that_was_not_recorded_says_so(live: Live) -> None:
    with pytest.raises(NotFound, match=r"holds no vision.segment; .*vitrine serve --record"):
        live.call("vision.segment", {"image": raw(drawn(1))})
    assert live.job("speech.listen", "open", {}).error is not None


def test_a_refusal_is_played_to_the_very_same_arguments_only(studio: Studio) -> None:
    number = studio.given("tryon.still", "call", {"image": raw(drawn(1)), "layers": [CAP]})
    studio.refused(number, "bad_request", "Not this one.", after_ms=3)
    studio.call("tryon.still", {"image": raw(drawn(1)), "layers": [TOP]}, {"image": raw(drawn(4))})
    live = playing(studio)
    played = live.job("tryon.still", "call", {"image": raw(drawn(1)), "layers": [CAP]})
    assert isinstance(played.error, BadRequest) and str(played.error) == "Not this one."
    assert played.service_s == pytest.approx(0.003)
    assert still(live, 2, [CAP]) == 4


def test_refused_layers_end_the_stream_that_wears_them(studio: Studio) -> None:
    studio.open([GLASSES])
    studio.frame(0, drawn(1))
    studio.refused(studio.given("tryon.stream", "push", {"layers": [CAP]}), "not_found", "No such product.")
    studio.refused(studio.given("tryon.stream", "open", {"layers": [TOP]}, call=2), "bad_request", "No tops.")
    live = playing(studio)
    assert str(live.open([TOP]).error) == "No tops."
    live.open([GLASSES])
    assert str(live.wear([CAP]).error) == "No such product."


def test_a_picture_as_a_layer_is_known_again(studio: Studio) -> None:
    garment = {"kind": "top", "image": raw(drawn(60, channels=4))}
    other = {"kind": "top", "image": raw(drawn(61, channels=4))}
    for call, layer in enumerate((garment, other), start=1):
        studio.open([layer], call=call)
        studio.frame(0, drawn(call), call=call)
    live = playing(studio)
    live.open([other])
    assert live.seeds(1) == [2]


def test_steps_without_frames_are_played_once(studio: Studio) -> None:
    """A stream of words: what was said is not said again at its end."""
    studio.answered(studio.given("speech.listen", "open", {}), {})
    for word in ({}, {"partial": "a"}, {"final": "a b"}):
        studio.answered(studio.given("speech.listen", "push", {"pcm": b"1"}), word)
    studio.answered(studio.given("speech.listen", "end"), {"words": 2})
    live = playing(studio)
    assert result_of(live.job("speech.listen", "open", {})) == {}
    said = [result_of(live.job("speech.listen", "push", {"pcm": b"2"})) for _ in range(4)]
    assert said == [{}, {"partial": "a"}, {"final": "a b"}, {}]
    assert result_of(live.job("speech.listen", "end")) == {"words": 2}


# -- the form of pictures ------------------------------------------------------------------------------------------


def answered_to(live: Live, sent: dict[str, Any], **options: Any) -> dict[str, Any]:
    live.open([GLASSES], **options)
    image: dict[str, Any] = live.push(sent)["image"]
    return image


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("bottom", [True, False])
def test_pictures_come_in_the_form_of_the_live_frame(live: Live, channels: int, bottom: bool) -> None:
    sent = raw(drawn(9, w=5, h=4, channels=channels), bottom=bottom)
    image = answered_to(live, sent)
    assert (image["f"], image["o"]) == ("rgba8" if channels == 4 else "rgb8", "bottom" if bottom else "top")
    assert (image["w"], image["h"]) == (16, 12), "the size is the recorded one"
    shown = pixels_of(image)
    assert (shown[..., :3] == drawn(100)).all() and (channels != 4 or (shown[..., 3] == 255).all())


def test_what_is_wanted_comes(live: Live) -> None:
    image = answered_to(live, raw(drawn(9)), want={"f": "png", "o": "top"})
    assert image["f"] == "png" and (pixels_of(image) == drawn(100)).all()
    image = live.push()["image"]
    assert image["f"] == "png" and (pixels_of(image) == drawn(101)).all()


def test_an_encoded_frame_is_answered_with_png(live: Live) -> None:
    jpeg = {"w": 0, "h": 0, "f": "jpeg", "o": "top", "d": wire_pictures.encode(drawn(9), "jpeg")}
    image = answered_to(live, jpeg)
    assert image["f"] == "png" and (pixels_of(image) == drawn(100)).all()


def test_a_recorded_png_becomes_pixels_where_pixels_are_wanted(studio: Studio) -> None:
    png = {"w": 16, "h": 12, "f": "png", "o": "top", "d": wire_pictures.encode(drawn(3), "png")}
    studio.call("tryon.still", {"image": raw(drawn(1)), "layers": [], "want": {"f": "png"}}, {"image": png})
    live = playing(studio)
    assert live.call("tryon.still", {"image": raw(drawn(1)), "layers": [], "want": {"f": "png"}})["image"] == png
    image = live.call("tryon.still", {"image": raw(drawn(1)), "layers": []})["image"]
    assert image["f"] == "rgb8" and (pixels_of(image) == drawn(3)).all()


def test_an_overlay_keeps_its_alpha(studio: Studio) -> None:
    studio.open([GLASSES], output="overlay")
    studio.frame(0, drawn(3, channels=4))
    live = playing(studio)
    image = answered_to(live, raw(drawn(9)), output="overlay")
    assert image["f"] == "rgba8" and (pixels_of(image) == drawn(3, channels=4)).all()


@pytest.mark.parametrize("bottom", [True, False])
def test_rows_that_were_recorded_from_the_bottom_are_turned(studio: Studio, bottom: bool) -> None:
    studio.call("tryon.still", {"image": raw(drawn(1)), "layers": []}, {"image": raw(drawn(2), bottom=True)})
    live = playing(studio)
    image = live.call("tryon.still", {"image": raw(drawn(1), bottom=bottom), "layers": []})["image"]
    assert image["o"] == ("bottom" if bottom else "top") and (pixels_of(image) == drawn(2)).all()


def test_masks_stay_masks_in_the_live_order_of_rows(studio: Studio) -> None:
    result = {"image": raw(drawn(2)), "masks": {"glasses": raw(drawn(3, channels=1))}}
    studio.call("tryon.still", {"image": raw(drawn(1)), "layers": []}, result)
    live = playing(studio)
    a = {"image": raw(drawn(1, channels=4), bottom=True), "layers": [], "want": {"f": "rgba8", "o": "top"}}
    answer = live.call("tryon.still", a)
    assert (answer["image"]["f"], answer["image"]["o"]) == ("rgba8", "top")
    mask = answer["masks"]["glasses"]
    assert (mask["f"], mask["o"]) == ("r8", "bottom") and (pixels_of(mask) == drawn(3, channels=1)).all()


def test_pictures_go_to_granted_slots_and_come_from_slots(live: Live) -> None:
    lane = create_lane(slot_bytes=8192, up=2, down=2)
    live.player.attach(1, lane.offer, lane.identity)
    sent = drawn(9)
    live.open([GLASSES])
    push = {"n": 1, "t_us": 1, "image": raw(sent, d=lane.write(0, 1, sent.tobytes()))}
    played = live.job("tryon.stream", "push", push, grants=[(3, 17)])
    reference = result_of(played)["image"]["d"]
    assert played.used == [3] and reference == ShmRef(3, sent.nbytes, 17)
    assert bytes(lane.read(reference)) == drawn(100).tobytes()
    live.player.detach(1)
    lane.close()


# -- what a worker would refuse ------------------------------------------------------------------------------------


def test_bad_frames_are_refused_as_a_worker_refuses_them(live: Live) -> None:
    live.open([GLASSES])
    good = raw(drawn(1))
    for d, sentence in (
        ({}, "holds an image, layers, or both"),
        ({"image": good}, "needs n and t_us"),
        ({"n": 1, "t_us": 1, "image": good | {"w": 3}}, "has 108 bytes"),
        ({"n": 1, "t_us": 1, "image": good | {"w": 0}}, "needs w and h"),
        ({"n": -1, "t_us": 1, "image": good}, "not valid"),
        ({"n": 1, "t_us": 1, "image": good | {"d": ShmRef(0, 576, 1)}}, "outside the mapping"),
    ):
        played = live.job("tryon.stream", "push", d)
        assert isinstance(played.error, BadRequest) and sentence in str(played.error), d
    assert isinstance(live.job("tryon.stream", "push", {"n": 1, "t_us": 1, "image": good}, image_px=5).error, TooLarge)
    assert live.seeds(1) == [100], "the stream goes on where it was"


def test_bad_arguments_are_refused(live: Live) -> None:
    assert isinstance(live.open([{}] * 9).error, BadRequest)
    assert isinstance(live.job("tryon.still", "call", {"layers": []}).error, BadRequest)
    assert isinstance(live.job("tryon.stream", "open", {"layers": [], "output": "hologram"}).error, BadRequest)


def test_the_arguments_that_are_checked_are_those_of_the_workers() -> None:
    assert {op: kind.arguments for op, kind in (registry.UNARY | registry.STREAMS).items()} == live_input.ARGUMENTS
    assert {op: kind.pushes for op, kind in registry.STREAMS.items()} == live_input.PUSHES


def test_echo_really_echoes(live: Live) -> None:
    picture = raw(np.ascontiguousarray(drawn(9)))
    echo = live.call("server.echo", {"where": "engine", "data": [1], "image": picture})
    assert echo == {"data": [1], "image": picture}


# -- damage --------------------------------------------------------------------------------------------------------


def test_a_damaged_picture_fails_its_call_and_no_other(file: Path, tmp_path: Path) -> None:
    recording = reader.read(file)
    data = bytearray(file.read_bytes())
    data[recording.pictures[1].offset + 20] ^= 1  # the first frame's
    damaged = tmp_path / "damaged.vrec"
    damaged.write_bytes(data)
    live = Live(Player(reader.read(damaged)))
    live.open([GLASSES])
    with pytest.raises(Internal, match="damaged at this place"):
        live.push()
    assert live.seeds(2) == [101, 102]


def test_a_picture_that_is_named_but_not_there_is_damage(studio: Studio) -> None:
    studio.call("tryon.still", {"image": raw(drawn(1)), "layers": []}, {"image": raw(drawn(2))})
    live = playing(studio)
    live.player._pictures._places = []
    with pytest.raises(Internal):
        live.call("tryon.still", {"image": raw(drawn(1)), "layers": []})
