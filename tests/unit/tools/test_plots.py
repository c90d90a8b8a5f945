import math

from src.common.artifacts import Error
from tests.builders import make_epochs
from tools.plots import confusion_markdown, curves_markdown


def test_curves_are_a_mermaid_chart_and_those_of_a_refit_have_no_validation() -> None:
    chart = curves_markdown(make_epochs(0.125, 0.125))
    assert chart.startswith("```mermaid\n")
    assert "x-axis epoch [1, 2]" in chart
    assert "line [1.000000, 1.000000]" in chart
    assert "line [0.125000, 0.125000]" in chart
    assert chart.count("line [") == 2
    refit = curves_markdown(make_epochs(math.nan, math.nan))
    assert "validation" not in refit
    assert refit.count("line [") == 1


def test_the_confusion_matrix_is_a_table_of_counts() -> None:
    errors = [Error(0, actual, predicted, 0.9, 2.0, "") for actual, predicted in ("49", "49", "71")]
    assert confusion_markdown(errors).splitlines() == [
        "| actual \\ predicted | 1 | 9 |",
        "| --- | --- | --- |",
        "| 4 |  | 2 |",
        "| 7 | 1 |  |",
    ]
    assert "No errors." in confusion_markdown([])
