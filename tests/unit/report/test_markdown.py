from src.report.markdown import confusion_markdown, curves_markdown


def test_curves_are_a_mermaid_chart_and_those_of_a_refit_have_no_validation() -> None:
    history = [{"epoch": str(epoch), "train_loss": "0.25", "validation_loss": "0.125"} for epoch in (1, 2)]
    chart = curves_markdown(history)
    assert chart.startswith("```mermaid\n")
    assert "x-axis epoch [1, 2]" in chart
    assert "line [0.250000, 0.250000]" in chart
    assert "line [0.125000, 0.125000]" in chart
    assert chart.count("line [") == 2
    refit = curves_markdown([row | {"validation_loss": "nan"} for row in history])
    assert "validation" not in refit
    assert refit.count("line [") == 1


def test_the_confusion_matrix_is_a_table_of_counts() -> None:
    errors = [{"actual": actual, "predicted": predicted} for actual, predicted in ("49", "49", "71")]
    assert confusion_markdown(errors).splitlines() == [
        "| actual \\ predicted | 1 | 9 |",
        "| --- | --- | --- |",
        "| 4 |  | 2 |",
        "| 7 | 1 |  |",
    ]
    assert "No mistakes." in confusion_markdown([])
