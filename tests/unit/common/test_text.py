import numpy as np

from src.common.text import describe_top_classes, markdown_table


def test_pipes_in_table_cells_are_escaped() -> None:
    assert markdown_table(("name", "value"), [("a|b", 1)])[2] == "| a\\|b | 1 |"


def test_the_most_probable_classes_are_listed_in_order() -> None:
    probabilities = np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]])
    texts = describe_top_classes(probabilities, ["a", "b", "c"], shown=2)
    assert texts == ["b: 70.0% · c: 20.0%", "a: 50.0% · b: 50.0%"]
