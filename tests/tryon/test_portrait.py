"""The whole try-on on the portrait: where things come to lie, what stays untouched, what is said when it cannot be."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sidecar.catalog.assets import Ease
from sidecar.tryon import follow, glasses, head, matte, top_fit, warp
from sidecar.tryon.body import measure, person_mask
from sidecar.tryon.face import FaceTracker
from sidecar.tryon.layers import from_picture, from_product
from sidecar.tryon.matte import head_mask
from sidecar.tryon.pose import PoseTracker
from sidecar.tryon.segment import person_mask as segment
from sidecar.tryon.session import STREAM_MODELS, Stopped, TryOnSession
from sidecar.tryon.still import STILL_MODELS, try_on_still
from sidecar.tryon.top import draw

GLASSES = ("sample-glasses-1", "sample-glasses-2")
TOPS = ("sample-top-1", "sample-top-2")
PERIOD_US = 33_333
# The portrait's own places, read off the picture: pupils, chin, nose, helmet.
PUPILS = np.array([[204.0, 101.0], [247.0, 104.0]])
CHIN_Y = 188


def half(frame):
    size = frame.shape[1] // 2, frame.shape[0] // 2
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def worn(vision_models, portrait):
    """Stills of the portrait with each product."""
    return {name: try_on_still(vision_models, portrait, [from_product(name)]) for name in GLASSES + TOPS}


@pytest.fixture(scope="module")
def seen(vision_models, portrait):
    """Pose, face, person's mask and body of the portrait."""
    pose = PoseTracker(detector=vision_models["pose-detector"], landmarks=vision_models["pose-full"]).settle(
        portrait, 0, rounds=5
    )
    face = FaceTracker(detector=vision_models["face-detector"], mesh=vision_models["face-mesh"]).update(portrait)
    person = person_mask(pose, half(portrait))
    return pose, face, person, measure(pose, face, person, smooth=lambda sizes: sizes)


@pytest.mark.parametrize("name", GLASSES + TOPS)
def test_outside_the_masks_nothing_changes(worn, portrait, name):
    result = worn[name]
    kind = "glasses" if "glasses" in name else "top"
    outside = result.masks[kind] == 0
    assert np.array_equal(result.image[outside], portrait[outside])
    assert (result.image[~outside] != portrait[~outside]).any(axis=-1).mean() > 0.5
    assert result.confidence > 0.8
    assert result.reason is None


@pytest.mark.parametrize("name", GLASSES)
def test_glasses_lie_on_the_eyes(worn, name):
    rows, columns = np.nonzero(worn[name].masks["glasses"] > 128)
    middle = PUPILS.mean(axis=0)
    assert abs((columns.min() + columns.max()) / 2 - middle[0]) < 6
    assert rows.min() < middle[1] - 4 < middle[1] + 6 < rows.max()
    # As wide as the face at the eyes, give or take: about 95 pixels.
    assert 84 < columns.max() - columns.min() < 112
    assert rows.max() < 145


def test_sunglasses_darken_the_eyes_and_clear_ones_do_not(worn, portrait):
    def change(name):
        boxes = [np.s_[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5] for x, y in PUPILS]
        return np.mean([worn[name].image[box].mean() - portrait[box].mean() for box in boxes])

    assert change("sample-glasses-2") < -25
    # The pupils are nearly black: a clear lens adds a little sheen.
    assert 0 <= change("sample-glasses-1") < 22


@pytest.mark.parametrize("turn_deg", [-20, -8, 8, 20])
def test_glasses_turn_with_the_head(vision_models, moved, turn_deg):
    def roll(angle):
        frame = moved(turn_deg=angle, size=(512, 512))
        face = FaceTracker(detector=vision_models["face-detector"], mesh=vision_models["face-mesh"]).update(frame)
        return head.fit(face).roll_deg

    assert roll(turn_deg) - roll(0) == pytest.approx(-turn_deg, abs=1.5)


@pytest.mark.parametrize("scale", [0.6, 1.0, 1.4])
def test_glasses_grow_with_the_face(vision_models, moved, scale):
    frame = moved(scale=scale, dy=60 * scale, size=(640, 640))
    result = try_on_still(vision_models, frame, [from_product("sample-top-2"), from_product("sample-glasses-1")])
    columns = np.flatnonzero((result.masks["glasses"] > 128).any(axis=0))
    assert np.ptp(columns) == pytest.approx(95 * scale, rel=0.12)


@pytest.mark.parametrize("name", TOPS)
def test_top_lies_on_the_torso_and_under_the_chin(worn, seen, name):
    mask = worn[name].masks["top"] > 128
    _, face, person, body = seen
    chest = body.at(0, 0.5).astype(int)
    assert mask[chest[1] - 20 : chest[1] + 20, chest[0] - 30 : chest[0] + 30].mean() > 0.98
    column = np.flatnonzero(mask[:, int(body.chin[0])])
    # The neck shows between chin and collar.
    assert CHIN_Y + 15 < column.min() < CHIN_Y + 75
    face_pixels = head_mask(person, body, face) > 128
    small = cv2.resize(worn[name].masks["top"], (256, 256), interpolation=cv2.INTER_AREA) > 128
    assert (small & face_pixels).sum() <= 0.01 * face_pixels.sum()


@pytest.mark.parametrize("name", TOPS)
def test_helmet_in_front_stays_in_front(worn, name):
    assert (worn[name].masks["top"][400:480, 380:480] > 16).mean() < 0.03


@pytest.mark.parametrize("name", TOPS)
def test_cloth_keeps_its_texture_and_its_shape(seen, portrait, name):
    _, face, person, body = seen
    drawn = draw(from_product(name).asset, half(portrait), person, body, face, portrait.shape, light=1.0)
    shown = drawn.patches[-1]
    solid = cv2.erode((shown.alpha == 255).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert structural_similarity(shown.rgb, drawn.warped.rgb)[solid].mean() >= 0.92
    torso = solid & (np.abs(np.arange(solid.shape[1])[None] - body.middle[0] + shown.x) < 0.45 * body.width)
    assert warp.folded_share(drawn.field, torso) <= 0.005
    assert warp.anisotropy(drawn.field, torso) <= 2.5


def structural_similarity(first, second):
    """(H, W) SSIM of the luminance with the usual Gaussian window (Wang et al. 2004)."""
    a, b = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) for image in (first, second))

    def blur(values):
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    mean_a, mean_b = blur(a), blur(b)
    variance_a, variance_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )


def test_a_dim_room_dims_the_cloth(vision_models, moved):
    def brightness(light):
        frame = moved(light=light, scale=1.0, size=(512, 512))
        result = try_on_still(vision_models, frame, [from_product("sample-top-1")])
        return result.image[result.masks["top"] > 250].mean()

    assert 0.3 < brightness(0.45) / brightness(1.0) < 0.6


def test_stream_is_steady(vision_models, moved):
    """Flicker inside the garment stays within two grey levels of the camera's noise, the drawing's own under one."""
    session = TryOnSession(vision_models)
    session.set_layers([from_product("sample-top-1"), from_product("sample-glasses-1")])
    frames, answers = [], []
    for index in range(44):
        frame = moved(noise=3.0, seed=index)
        result = session.frame(frame, index * PERIOD_US)
        if index >= 24:
            frames.append(frame.astype(np.float32))
            answers.append(result.image.astype(np.float32))
    changed = np.mean([np.abs(answer - frame) for answer, frame in zip(answers, frames, strict=True)], axis=0)
    garment = cv2.erode((changed.mean(axis=2) > 25).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert garment.mean() > 0.05
    flicker = np.abs(np.diff(answers, axis=0))[:, garment].mean()
    floor = np.abs(np.diff(frames, axis=0))[:, garment].mean()
    assert flicker <= floor + 2


def test_stream_follows_motion(vision_models, moved, back_to_portrait):
    """Eye corners and shoulders keep their place on a person who sways."""
    session = TryOnSession(vision_models)
    session.set_layers([from_product("sample-top-1"), from_product("sample-glasses-1")])
    eyes, shoulders = [], []
    for index in range(50):
        sway = {"dx": 30 * np.sin(index / 8), "turn_deg": 4 * np.sin(index / 6)}
        session.frame(moved(noise=2.0, seed=index, **sway), index * PERIOD_US)
        if index >= 20:
            back = back_to_portrait(**sway)
            watcher = session._watcher
            eyes.append(watcher._face.points[[33, 263], :2] @ back[:, :2].T + back[:, 2])
            shoulders.append(watcher._bodies.pose.points[[11, 12], :2] @ back[:, :2].T + back[:, 2])
    assert np.std(eyes, axis=0).max() < 0.8
    assert np.std(shoulders, axis=0).max() < 0.03 * 190


@pytest.mark.parametrize(
    ("code", "layers"),
    [("no_person", TOPS[:1]), ("no_person", GLASSES[:1]), ("no_person", (TOPS[0], GLASSES[0]))],
)
def test_an_empty_room(vision_models, code, layers):
    frame = np.tile(np.linspace(60, 210, 640, dtype=np.uint8)[None, :, None], (480, 1, 3))
    unchanged(vision_models, frame, layers, code)


@pytest.mark.parametrize("layers", [GLASSES[:1], (TOPS[0], GLASSES[0])])
def test_a_covered_face(vision_models, portrait, layers):
    frame = portrait.copy()
    frame[60:180, 150:300] = (150, 140, 130)
    unchanged(vision_models, frame, layers, "face_covered")


def test_darkness(vision_models, portrait):
    unchanged(vision_models, (portrait * 0.04).astype(np.uint8), TOPS, "low_light")


def test_two_people(vision_models, portrait):
    frame = np.ascontiguousarray(np.hstack([portrait[:, 60:340], portrait[:, 60:340]]))
    unchanged(vision_models, frame, TOPS[:1], "many_people")


def test_a_person_far_away(vision_models, moved):
    frame = moved(scale=0.10, size=(512, 512))
    result = try_on_still(vision_models, frame, [from_product(TOPS[0])])
    assert result.reason is not None
    assert result.reason.code in ("too_small", "no_person", "face_covered")
    assert np.array_equal(result.image, frame)


def test_a_size_that_does_not_exist(vision_models, portrait):
    still = try_on_still(vision_models, portrait, [from_product(TOPS[0], size="XXXXL")])
    assert still.reason.code == "bad_size"
    assert np.array_equal(still.image, portrait)
    both = try_on_still(vision_models, portrait, [from_product(TOPS[0], size="XXXXL"), from_product(GLASSES[0])])
    assert both.reason.code == "bad_size"
    assert 0 < both.confidence < 0.6
    assert "top" not in both.masks
    assert (both.masks["glasses"] > 0).any()


def unchanged(models, frame, layers, code):
    still = try_on_still(models, frame, [from_product(name) for name in layers])
    session = TryOnSession(models)
    session.set_layers([from_product(name) for name in layers])
    for result in (still, session.frame(frame, 0)):
        assert result.reason is not None
        assert result.reason.code == code
        assert result.confidence == 0
        assert np.array_equal(result.image, frame)
    overlay = session.frame(frame, PERIOD_US, output="overlay")
    assert not overlay.image.any()


def test_overlay_over_the_frame_is_the_composite(vision_models, portrait):
    answers = []
    for output in ("composite", "overlay"):
        session = TryOnSession(vision_models)
        session.set_layers([from_product(TOPS[1]), from_product(GLASSES[1])])
        answers.append(session.frame(portrait, 0, output=output).image.astype(np.float64))
    composite, overlay = answers
    share = overlay[..., 3:] / 255
    assert np.abs(overlay[..., :3] * share + portrait * (1 - share) - composite).max() <= 4
    assert not overlay[..., :3][overlay[..., 3] == 0].any()


def test_mirror_and_out(vision_models, portrait):
    plain, mirrored = (TryOnSession(vision_models) for _ in range(2))
    for session in (plain, mirrored):
        session.set_layers([from_product(GLASSES[0])])
    out = np.zeros_like(portrait)
    result = mirrored.frame(portrait, 0, mirror=True, out=out)
    assert result.image is out
    assert np.array_equal(out[:, ::-1], plain.frame(portrait, 0).image)


def test_input_is_not_written_to(vision_models, portrait):
    frame = portrait.copy()
    frame.setflags(write=False)
    session = TryOnSession(vision_models)
    session.set_layers([from_product(TOPS[0]), from_product(GLASSES[0])])
    session.frame(frame, 0)
    assert np.array_equal(frame, portrait)


def test_layers_change_between_frames(vision_models, portrait):
    session = TryOnSession(vision_models)
    assert np.array_equal(session.frame(portrait, 0).image, portrait)
    session.set_layers([from_product(TOPS[0])])
    first = session.frame(portrait, PERIOD_US).image
    session.set_layers([from_product(TOPS[0], colour="rose")])
    second = session.frame(portrait, 2 * PERIOD_US).image
    assert np.abs(first[330, 200].astype(int) - second[330, 200]).max() > 15
    session.close()
    assert np.array_equal(session.frame(portrait, 3 * PERIOD_US).image, portrait)


def test_stopping_between_stages(vision_models, portrait):
    for limit in range(4):
        polls = iter([False] * limit + [True] * 50)
        with pytest.raises(Stopped):
            try_on_still(vision_models, portrait, [from_product(TOPS[0])], should_stop=lambda p=polls: next(p))
    session = TryOnSession(vision_models, should_stop=lambda: True)
    session.set_layers([from_product(TOPS[0])])
    with pytest.raises(Stopped):
        session.frame(portrait, 0)


def test_frames_may_change_size(vision_models, portrait, moved):
    session = TryOnSession(vision_models)
    session.set_layers([from_product(TOPS[0]), from_product(GLASSES[0])])
    for index, frame in enumerate([portrait, moved(), portrait[:-1, :-3], np.zeros((2, 2, 3), np.uint8)]):
        result = session.frame(np.ascontiguousarray(frame), index * PERIOD_US)
        assert result.image.shape == frame.shape


def test_own_picture_is_fitted(vision_models, portrait):
    from sidecar.catalog import samples

    top = from_picture(samples.picture("sample-top-1.png"), "top")
    pair = from_picture(samples.picture("sample-glasses-2.png"), "glasses")
    result = try_on_still(vision_models, portrait, [top, pair])
    reference = try_on_still(vision_models, portrait, [from_product(TOPS[0]), from_product(GLASSES[1])])
    for kind in ("top", "glasses"):
        ours, theirs = result.masks[kind] > 128, reference.masks[kind] > 128
        assert (ours & theirs).sum() > 0.8 * (ours | theirs).sum()


def test_segment_finds_the_person(vision_models, portrait):
    mask = segment(vision_models["person-segmentation"], portrait)
    assert mask.shape == portrait.shape[:2]
    assert mask.dtype == np.uint8
    assert mask[350:450, 100:250].min() > 200
    assert mask[0:90, 330:512].max() < 60


def test_named_models_are_enough(vision_models, portrait):
    class Only(dict):
        def __missing__(self, name):
            assert name in STREAM_MODELS
            assert name in STILL_MODELS
            return vision_models[name]

    session = TryOnSession(Only())
    session.set_layers([from_product(TOPS[0]), from_product(GLASSES[0])])
    for index in range(4):
        session.frame(portrait, index * PERIOD_US)
    blank = np.full_like(portrait, 120)
    session.frame(blank, 5 * PERIOD_US)
    try_on_still(Only(), blank, [from_product(GLASSES[0])])


def test_temple_shows_on_the_near_side_only(vision_models, portrait):
    """A turned head: the canonical face itself stands in for the mesh."""
    from dataclasses import replace

    face = FaceTracker(detector=vision_models["face-detector"], mesh=vision_models["face-mesh"]).update(portrait)
    yaw = np.radians(25)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turned = replace(face, points=6.3 * head.canonical_face().vertices @ turn.T + (256, 256, 0))
    pose = head.fit(turned)
    assert abs(pose.yaw_deg) == pytest.approx(25, abs=1)
    asset = from_product(GLASSES[0]).asset
    patches = glasses.draw(asset, turned, pose, portrait.shape, cm_scale=1.0, light=1.0)
    straight = glasses.draw(asset, face, head.fit(face), portrait.shape, cm_scale=1.0, light=1.0)
    assert len(patches) == 3
    assert len(straight) == 2
    temple, front = patches[0], patches[-1]
    assert temple.alpha.max() > 150
    centre = temple.x + np.average(np.arange(temple.alpha.shape[1]), weights=temple.alpha.sum(axis=0) + 1e-9)
    # Rotated by +25 degrees the temples come out towards +x, where their depth axis points.
    assert centre > front.x + 0.7 * front.alpha.shape[1]


def test_no_cloth_is_allowed_on_the_face(seen):
    _, face, person, body = seen
    fit = top_fit.fit(body, from_product(TOPS[0]).asset.asset.landmarks, Ease())
    allowed = matte.build(person, body, face, fit)
    inside = np.zeros_like(person)
    hull = cv2.convexHull(face.points[:, :2].astype(np.float32))[:, 0] / 2
    cv2.fillConvexPoly(inside, np.rint(hull).astype(np.int32), 255)
    assert not allowed.garment[inside > 0].any()
    assert allowed.garment[150:200, 60:120].min() > 250


def test_arms_are_carried_by_their_own_motion():
    points = np.arange(99, dtype=np.float64).reshape(33, 3)
    torso = np.array([[1.0, 0, 10], [0, 1, 0]])
    arm = np.array([[1.0, 0, 0], [0, 1, 50]])
    moved = follow.move_body(points, torso, arm, None)
    limb, rest = [14, 16, 18, 20, 22], [0, 11, 12, 13, 15, 23]
    assert np.array_equal(moved[limb] - points[limb], np.tile([0, 50, 0], (5, 1)))
    assert np.array_equal(moved[rest] - points[rest], np.tile([10, 0, 0], (6, 1)))
