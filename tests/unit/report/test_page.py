import re
from dataclasses import replace

import pytest

from src.common.artifacts import AppliedDecision, Error, Prediction
from src.report.page import DOUBTFUL_LOSS, Chart, build_report, report_page
from src.report.params import ReportParams
from tests.builders import make_report_results

PARAMS = ReportParams(max_images=10, columns=5, order="index")


def make_page(count: int, members: int = 1) -> str:
    results = make_report_results(count, ["cat", "<dog>", "bird"], members)
    return report_page(results, (28, 28), [Chart("<svg></svg>", "Losses over 2 epochs")])


def test_the_page_shows_accuracy_parameters_and_charts() -> None:
    page = make_page(40)
    assert "95% interval 99.73% to 99.85%" in page
    assert "<td>model.dropout</td><td>0.25</td>" in page
    assert 'aria-label="Losses over 2 epochs"><svg>' in page
    assert "&lt;dog&gt;" in page
    assert "<dog>" not in page


def test_of_many_classes_the_matrix_has_the_most_confused() -> None:
    page = report_page(make_report_results(200, [f"class {number}" for number in range(1000)]), (28, 28), [])
    assert page.count("<td>") < 50 * 50 + 500
    sentence = r"shows the 50 classes, of 1,000, that are confused most often, and leaves out\s1\d\d errors\."
    assert re.search(sentence, page)
    assert "confused most often" not in make_page(40)


def test_the_title_and_the_heading_identify_the_run() -> None:
    page = make_page(40)
    assert "<title>mnist, seed 0: accuracy 99.80% (0123abcd)</title>" in page
    assert "<h1>mnist</h1>" in page
    assert "git log --all --reverse -S 0123abcd -- dvc.lock" in " ".join(page.split())


def test_each_figure_is_shown_once() -> None:
    body = re.sub(r"<script.*?</script>|<details>.*?</details>", "", make_page(48).split("<body>")[1], flags=re.DOTALL)
    for figure in ("99.76%", "99.68% to 99.82%", ">48<", "20,000", "0.1000", "1.00%", "90.00%", "98.00%"):
        assert body.count(figure) == 1


@pytest.mark.parametrize(
    ("unusable", "text"), [(1, "1 file could not be used and was left"), (38, "38 files could not")]
)
def test_files_that_were_left_out_are_counted(unusable: int, text: str) -> None:
    results = make_report_results(3, ["cat", "dog"])
    assert "could not be used" not in report_page(results, (28, 28), [])
    assert text in " ".join(report_page(results._replace(unusable=unusable), (28, 28), []).split())


def test_confirmed_labels_are_not_shown_again_and_changed_test_labels_are_counted() -> None:
    results = make_report_results(2, ["cat", "dog"])
    first = results.suspects[0]
    decisions = [
        AppliedDecision("train", first.digest, "dog", "cat"),  # corrected, and still suspicious
        AppliedDecision("test", results.test_set[results.errors[0].index].digest, "cat", "cat"),
        AppliedDecision("test", "12" * 16, "cat", "dog"),
        AppliedDecision("test", "34" * 16, "cat", "-"),
    ]
    page = report_page(results._replace(decisions=decisions), (28, 28), [])
    assert first.digest not in page
    assert results.suspects[1].digest in page
    assert results.test_set[results.errors[0].index].digest not in page
    assert results.test_set[results.errors[1].index].digest in page
    assert "2 test images were relabelled or left out by labels.csv" in page
    assert "relabelled or left out" not in report_page(results, (28, 28), [])


def test_the_next_suspects_are_shown_when_the_first_are_decided() -> None:
    results = make_report_results(150, ["cat", "dog"])
    suspects = [replace(results.suspects[0], digest=f"{number:032x}") for number in range(500, 725)]
    doubtful = [results.test_set[error.index].digest for error in results.errors if error.loss > DOUBTFUL_LOSS]
    page = report_page(results._replace(suspects=suspects), (28, 28), [])
    assert "200 training or validation images, of the 225 in data/train/suspects.csv that are still" in page
    assert ", then 100 misclassified test images with the highest losses." in page
    confirmed = [
        *(AppliedDecision("train", suspect.digest, suspect.label, suspect.label) for suspect in suspects[:200]),
        *(AppliedDecision("test", image, name, name) for image in doubtful[:100] for name in ("cat", "dog")),
    ]
    page = report_page(results._replace(suspects=suspects, decisions=confirmed), (28, 28), [])
    assert "25 training or validation images, then 43 misclassified test images with the highest losses." in page
    assert suspects[224].digest in page


def test_the_labels_that_a_weak_network_doubts_may_be_right() -> None:
    results = make_report_results(2, ["cat", "dog"])
    weak = results._replace(metrics=results.metrics.model_copy(update={"accuracy": 0.63}))
    sentence = "The network misclassifies 37% of the test images, so many of these labels may be right."
    assert sentence in report_page(weak, (28, 28), [])
    assert "may be right" not in report_page(results, (28, 28), [])


def test_only_images_with_a_high_loss_are_to_be_checked() -> None:
    results = make_report_results(2, ["cat", "dog"])
    certain = [replace(error, loss=0.9) for error in results.errors]
    page = report_page(results._replace(errors=certain, suspects=[]), (28, 28), [])
    assert "No label is left to check." in page


def test_augmented_images_are_shown_only_if_training_used_augmentation() -> None:
    assert "Augmented training images" in make_page(3, members=2)
    assert "Augmented training images" not in make_page(3)


def test_the_recall_of_a_class_has_its_interval_and_number_of_images() -> None:
    results = make_report_results(0, ["rare", "single", "empty"])
    rows = [("rare", "rare")] * 15 + [("rare", "single")] * 5 + [("single", "single")]
    predictions = [Prediction(0, actual, predicted, 0.9, 0.1) for actual, predicted in rows]
    page = report_page(results._replace(predictions=predictions), (28, 28), [])
    shown = re.findall("<li>(.*?)</li>", page, flags=re.DOTALL)
    expected = [
        # By hand: (15 + z²/2 ± z √(15 · 5 / 20 + z²/4)) / (20 + z²), where z = 1.96
        ("rare", "20 test, 3 other images", "75.00%", "53.13% to 88.81%"),
        (
            "single",
            "1 test, 3 other",
            "100.00%",
            "20.65% to 100.00%",
            "--low: 3.3%; --at: 100.0%; --high: 100.0%",
        ),
        ("empty", "0 test, 3 other"),
    ]
    for row, texts in zip(shown, expected, strict=True):
        assert all(text in row for text in texts)
    assert "%" not in shown[2]


def test_the_first_sentence_names_the_class_that_is_most_certainly_bad() -> None:
    """Not the class with the lowest recall, of which there are two images only."""
    results = make_report_results(0, ["bad", "<rare>"])
    wrong = [Error(0, "bad", "<rare>", 0.9, 1.0, "")] * 10 + [Error(0, "<rare>", "bad", 0.9, 1.0, "")]
    predictions = [Prediction(0, error.actual, error.predicted, 0.9, 1.0) for error in wrong]
    predictions += [Prediction(0, "bad", "bad", 0.9, 0.1)] * 20 + [Prediction(0, "<rare>", "<rare>", 0.9, 0.1)]
    page = report_page(results._replace(errors=wrong, predictions=predictions), (28, 28), [])
    sentence = "10 of its 30 test images are misclassified (33.3%), 10 of them as <b>&lt;rare&gt;</b>."
    assert f"Look first at <b>bad</b>: {sentence}" in " ".join(page.split())
    assert "Look first" not in make_page(0)


@pytest.mark.parametrize(("count", "members"), [(7, 1), (0, 3)])
def test_the_report_is_four_plots_and_a_page_that_loads_nothing(count: int, members: int) -> None:
    files = build_report(make_report_results(count, ["cat", "dog"], members), PARAMS)
    assert files.keys() == {"errors.png", "confusion.png", "curves.png", "reliability.png", "index.html"}
    assert all(data.startswith(b"\x89PNG") for name, data in files.items() if name != "index.html")
    page = files["index.html"].decode()
    assert "http://" not in page
    assert "https://" not in page
    assert f"<dd>{count}<small>of 20,000 test images" in page
    assert page.count("<svg") == 2
    assert ("mean of 3 networks" in page) == (members == 3)


@pytest.mark.parametrize(
    ("copies", "text"), [(0, ""), (1, "once: 1 copy was left out"), (1200, "once: 1,200 copies were left")]
)
def test_copies_that_were_left_out_are_counted(copies: int, text: str) -> None:
    page = report_page(make_report_results(3, ["cat", "dog"])._replace(copies=copies), (28, 28), [])
    assert text in " ".join(page.split())
    assert ("left out." in page) == bool(copies)
