import numpy as np
import pytest

from src.common.errors import UserError
from src.common.sprites import split_sprite_sheet
from src.evaluate.evaluation import evaluate
from tests.builders import make_evaluate_params, make_tiny_network

LABELS = np.arange(30) % 3


def make_data() -> dict[str, np.ndarray]:
    images = np.random.default_rng(0).integers(0, 256, (30, 1, 8, 8), np.uint8)
    return {"images": images, "labels": LABELS, "classes": np.array(["0", "1", "2"])}


def test_rows_images_and_metrics_agree() -> None:
    data = make_data()
    evaluation = evaluate([make_tiny_network(classes=3)], data, make_evaluate_params())
    wrong = [int(row[0]) for row in evaluation.prediction_rows if row[1] != row[2]]
    assert [row[0] for row in evaluation.error_rows] == wrong
    assert evaluation.metrics["errors"] == len(wrong) > 0
    assert np.array_equal(split_sprite_sheet(evaluation.error_images, len(wrong)), data["images"][wrong])
    assert "members" not in evaluation.metrics
    assert evaluation.summary().startswith(
        f"evaluate: test accuracy {1 - len(wrong) / 30:.2%} ({30 - len(wrong)} of 30"
    )


def test_an_ensemble_reports_the_accuracies_of_its_members() -> None:
    networks = [make_tiny_network(classes=3, seed=seed) for seed in range(2)]
    alone = [evaluate([network], make_data(), make_evaluate_params()).metrics["accuracy"] for network in networks]
    evaluation = evaluate(networks, make_data(), make_evaluate_params())
    assert list(evaluation.metrics["members"]["accuracy"].values()) == alone
    assert "ensemble of 2; single networks average" in evaluation.summary()


def test_data_that_the_network_was_not_trained_for_is_rejected() -> None:
    with pytest.raises(UserError, match="expects images of shape 1x8x8"):
        evaluate(
            [make_tiny_network(classes=3)], make_data() | {"images": np.zeros((30, 1, 9, 9))}, make_evaluate_params()
        )
