from src.report.page import SUSPECT_CONFIDENCE, Chart, report_page
from tests.builders import make_report_results


def make_page(count: int, members: int = 1) -> str:
    results = make_report_results(count, ["cat", "<dog>", "bird"], members)
    return report_page(results, (28, 28), [Chart(b"png", "Losses over 2 epochs")])


def test_the_page_shows_accuracy_parameters_and_charts() -> None:
    page = make_page(40)
    assert "<title>Report: test accuracy 99.80%</title>" in page
    assert "95% confidence interval 99.73% to 99.85%" in page
    assert "<td>model.dropout</td><td>0.25</td>" in page
    assert 'alt="Losses over 2 epochs"' in page
    assert "&lt;dog&gt;" in page
    assert "<dog>" not in page


def test_confident_mistakes_are_listed_as_possible_label_errors() -> None:
    errors = make_report_results(40, ["cat", "<dog>", "bird"]).errors
    confident = sum(float(row["confidence"]) > SUSPECT_CONFIDENCE for row in errors)
    assert 0 < confident < 40
    assert make_page(40).split('id="suspects"')[1].split("</ul>")[0].count("<li>") == confident


def test_augmented_images_are_shown_only_if_training_used_augmentation() -> None:
    assert "Augmented training images" in make_page(3, members=2)
    assert "Augmented training images" not in make_page(3)
