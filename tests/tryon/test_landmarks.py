"""The landmark loop against MediaPipe's own answers for the portrait."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from sidecar.tryon import detection, roi
from sidecar.tryon.face import FaceTracker, iris_diameter
from sidecar.tryon.pose import LEFT_SHOULDER, RIGHT_SHOULDER, PoseTracker, face_region, refine

PERIOD_US = 33_333


@pytest.fixture
def poses(vision_models):
    return PoseTracker(detector=vision_models["pose-detector"], landmarks=vision_models["pose-full"])


@pytest.fixture
def faces(vision_models):
    return FaceTracker(detector=vision_models["face-detector"], mesh=vision_models["face-mesh"])


def shoulder_error(points, expected):
    width = np.linalg.norm(expected[LEFT_SHOULDER, :2] - expected[RIGHT_SHOULDER, :2])
    seen = expected[:, 2] > 0.5
    return np.linalg.norm(points[seen, :2] - expected[seen, :2], axis=1).mean() / width


def test_pose_equals_mediapipe(poses, variants, reference):
    errors = []
    for name, image in variants.items():
        poses.reset()
        pose = poses.update(image, PERIOD_US)
        errors.append(shoulder_error(pose.points, reference[f"pose_{name}"]))
        assert np.abs(pose.visibility - reference[f"pose_{name}"][:, 2]).max() < 0.08
    # One grey level in one pixel moves this model by a hundredth: the crops differ by that between OpenCV versions.
    assert np.mean(errors) < 0.011
    assert max(errors) < 0.02


def test_tracked_shoulders_stay_with_mediapipe(poses, variants, reference):
    for name in ("plain", "mirrored", "shifted"):
        poses.reset()
        for index in range(5):
            pose = poses.update(variants[name], (index + 1) * PERIOD_US)
        expected = reference[f"track_{name}"]
        width = np.linalg.norm(expected[LEFT_SHOULDER, :2] - expected[RIGHT_SHOULDER, :2])
        both = [LEFT_SHOULDER, RIGHT_SHOULDER]
        assert np.linalg.norm(pose.points[both, :2] - expected[both, :2], axis=1).mean() < 0.06 * width


def test_face_equals_mediapipe(faces, variants, reference):
    for name, image in variants.items():
        faces.reset()
        for index, key in ((0, "face"), (4, "facetrack")):
            for _ in range(1 if index == 0 else 4):
                face = faces.update(image)
            expected = reference[f"{key}_{name}"]
            eyes = np.linalg.norm(expected[33] - expected[263])
            assert np.linalg.norm(face.points - expected, axis=1).mean() < 0.005 * eyes


def test_small_face_is_found_through_the_body(poses, faces, moved):
    frame = moved(scale=0.55, size=(512, 512))
    assert detection.detect(faces._detector, detection.FACE, frame) == []
    assert faces.update(frame) is None
    face = faces.update(frame, hint=face_region(poses.update(frame, 0)))
    assert face is not None
    assert 25 < face.eye_distance < 45


def test_iris_is_of_human_size(vision_models, faces, portrait):
    face = faces.update(portrait)
    for left in (False, True):
        # Outer eye corners lie about 88 mm apart.
        mm = 88 * iris_diameter(vision_models["iris"], portrait, face, left=left) / face.eye_distance
        assert 9.5 < mm < 13.5


def test_nobody_is_nobody(poses, faces):
    ramp = np.tile(np.linspace(40, 200, 640, dtype=np.uint8)[None, :, None], (480, 1, 3))
    assert poses.update(ramp, 0) is None
    assert faces.update(ramp) is None


def test_detector_takes_over_when_the_body_is_lost(poses, portrait):
    poses.update(portrait, 0)
    assert poses._roi is not None
    assert poses.update(np.full_like(portrait, 90), PERIOD_US) is None
    assert poses._roi is None
    assert poses.update(portrait, 2 * PERIOD_US) is not None


def test_anchors_are_those_of_the_models():
    assert len(detection.anchors(detection.POSE)) == 2254
    assert len(detection.anchors(detection.FACE)) == 896
    assert np.allclose(detection.anchors(detection.FACE)[0], 0.5 / 16)


def test_decode_without_a_find_is_empty():
    boxes, scores = detection.decode(np.zeros((896, 16), np.float32), np.full(896, -5, np.float32), detection.FACE)
    assert boxes.shape == (0, 16)
    assert detection.suppress(boxes, scores)[0].shape == (0, 16)


def test_suppression_averages_what_overlaps_by_score():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float64)
    merged, best = detection.suppress(boxes, np.array([0.9, 0.6, 0.8]))
    assert np.allclose(merged[0], [0.4, 0, 10.4, 10])
    assert np.allclose(merged[1], boxes[2])
    assert np.allclose(best, [0.9, 0.8])


def test_region_of_alignment_is_upright_along_the_body():
    level = roi.from_alignment(np.array([100.0, 200.0]), np.array([100.0, 100.0]), scale=1.25)
    assert (level.x, level.y, level.side) == (100, 200, 250)
    assert level.angle == pytest.approx(0)
    leaning = roi.from_alignment(np.array([100.0, 200.0]), np.array([200.0, 200.0]), scale=1.25)
    assert leaning.angle == pytest.approx(math.pi / 2)


def test_project_undoes_the_crop():
    image = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(image, (230, 140), 3, (255, 255, 255), -1)
    region = roi.Roi(210.0, 150.0, 120.0, 0.4)
    small = roi.crop(image, region, 240)
    rows, columns = np.nonzero(small[..., 0] > 128)
    centre = np.array([[columns.mean(), rows.mean(), 10.0]])
    assert np.allclose(roi.project(centre, region, 240), [[230, 140, 5]], atol=0.3)


def test_tensor_ranges():
    pixels = np.array([[[0, 128, 255]]], np.uint8)
    assert np.allclose(roi.tensor(pixels), [[[[0, 128 / 255, 1]]]])
    assert np.allclose(roi.tensor(pixels, low=-1.0), [[[[-1, 2 * 128 / 255 - 1, 1]]]], atol=1e-6)


def test_refinement_moves_to_the_centre_of_heat():
    heatmap = np.full((64, 64, 2), -12.0, np.float32)
    heatmap[20, 30:32, 0] = 6.0
    points = np.array([[31 * 4.0, 21 * 4.0], [100.0, 100.0]])
    moved = refine(points, heatmap)
    assert np.allclose(moved[0], [30.5 * 4, 20 * 4], atol=0.2)
    assert np.array_equal(moved[1], points[1])
    outside = np.array([[-40.0, 300.0], [100.0, 100.0]])
    assert np.array_equal(refine(outside, heatmap), outside)
