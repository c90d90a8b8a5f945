import numpy as np

from src.evaluate.tables import ERROR_COLUMNS, PREDICTION_COLUMNS, error_rows, prediction_rows
from tests.builders import make_predictions

CLASSES = np.array(["a", "b", "c"])


def test_every_image_has_a_prediction_row_and_every_mistake_an_error_row() -> None:
    predictions = make_predictions([[0.75, 0.25, 0.0], [0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    labels = np.array([0, 1, 0])
    rows = prediction_rows(predictions, labels, CLASSES)
    assert rows == [(0, "a", "a", "0.750000"), (1, "b", "a", "0.500000"), (2, "a", "c", "1.000000")]
    errors = error_rows(predictions, labels, CLASSES)
    assert errors[0] == (1, "b", "a", "0.500000", "1.386294", "a: 50.0% · b: 25.0% · c: 25.0%")
    assert errors[1][:4] == rows[2]
    assert float(errors[1][4]) > 30  # finite, although the probability is zero
    assert {len(row) for row in rows} == {len(PREDICTION_COLUMNS)}
    assert {len(row) for row in errors} == {len(ERROR_COLUMNS)}
