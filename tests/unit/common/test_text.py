import numpy as np

from src.common.text import abridge, describe_top_classes, markdown_table, show


def test_pipes_in_table_cells_are_escaped() -> None:
    assert markdown_table(("name", "value"), [("a|b", 1)])[2] == "| a\\|b | 1 |"


def test_long_lists_are_abridged() -> None:
    lines = [str(number) for number in range(11)]
    assert abridge(lines[:10]) == lines[:10]
    assert abridge(lines) == [*lines[:10], "and 1 more"]


def test_the_most_probable_classes_are_listed_in_order() -> None:
    probabilities = np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]])
    texts = describe_top_classes(probabilities, ["a", "b", "c"], shown=2)
    assert texts == ["b: 70.0% · c: 20.0%", "a: 50.0% · b: 50.0%"]


def test_names_cannot_change_the_markdown_around_them() -> None:
    hostile = "a|b\nc [click](javascript:x) <img src=x> @everyone &lt; R&D; & &#62;"
    header, _, row, _ = markdown_table(("class",), [(hostile,)])
    assert header == "| class |"
    assert row == "| a\\|b c [click]\\(javascript:x) &lt;img src=x> @\u2060everyone &amp;lt; R&amp;D; & &amp;#62; |"


def test_names_that_cannot_be_printed_are_quoted() -> None:
    assert show("plain ß") == "plain ß"
    assert show("a\n5: 100%") == "'a\\n5: 100%'"
    assert show("\x1b[31m") == "'\\x1b[31m'"
