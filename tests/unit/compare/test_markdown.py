from dataclasses import replace

from src.compare.comparison import compare, compare_seeds
from src.compare.markdown import MAX_LISTED, comparison_markdown, seeds_markdown
from tests.builders import make_result


def test_a_comparison_states_verdict_differences_and_images() -> None:
    base = make_result("main", set(range(30)), {"model.dropout": 0.25, "train.seed": 0})
    other = make_result("a|b", set(range(12, 39)), {"model.dropout": 0.3, "train.seed": 0})
    text = comparison_markdown(compare(base, other, 0.05))
    assert "## a|b against main: no evidence either way" in text
    assert "12 fixed, 9 broken: p = 0.66, within noise" in text
    assert "Errors in both: 18 of 1,000 test images." in text
    assert "| model.dropout | 0.25 | 0.3 |" in text
    assert "train.seed" not in text
    assert "| test.accuracy | 0.97 | 0.973 | +0.003 |" in text
    assert "| metric | main | a\\|b | change |" in text
    assert "Fixed test images (actual, predicted): 0 (4, 9), 1 (4, 9)" in text


def test_only_the_first_images_are_listed() -> None:
    text = comparison_markdown(compare(make_result("a", set(range(100))), make_result("b", set()), 0.05))
    assert f"{MAX_LISTED - 1} (4, 9), and {100 - MAX_LISTED} more." in text
    assert f" {MAX_LISTED} (4, 9)" not in text
    assert "Broken" not in text


def test_too_few_differing_images_are_stated() -> None:
    text = comparison_markdown(compare(make_result("a", {1}), make_result("b", set()), 0.05))
    assert "Too few outcomes changed for a verdict: at least 6 would have to change, all in the same direction." in text
    assert "No parameter that can change the metrics differs." in text


def test_code_and_data_that_differ_are_named_and_equal_errors_are_no_lack_of_evidence() -> None:
    base = make_result("a", {1}, {"train.refit": False})
    inputs = {**base.inputs, ("train", "stages/__main__.py"): "1", ("evaluate", "stages/__main__.py"): "1"}
    other = make_result("b", {1}, {"train.refit": True})._replace(inputs=inputs)
    text = comparison_markdown(compare(base, other, 0.05))
    assert "\nCode or data that differs: `stages/__main__.py`.\n" in text
    assert "| train.refit | false | true |" in text
    assert "No image was classified correctly by only one of the two." in text
    assert "Code or data" not in comparison_markdown(compare(base, base, 0.05))


def test_names_of_classes_are_escaped() -> None:
    base = make_result("main", {1})
    errors = {1: replace(base.errors[1], actual="@team <b>")}
    text = comparison_markdown(compare(base._replace(errors=errors), make_result("mine", set()), 0.05))
    assert "Fixed test images (actual, predicted): 1 (@\u2060team &lt;b>, 9)." in text


def test_test_sets_that_differ_are_stated() -> None:
    base = make_result("main", {1}, test_set=range(10), labels={0: "7"})
    other = make_result("mine", set(), test_set=range(1, 12), labels={1: "7", 4: "7"})
    text = comparison_markdown(compare(base, other, 0.05))
    assert "The test sets differ: 2 images added, 1 removed, 2 relabelled." in text
    assert (
        "covers the 9 images that both have, with the labels of mine; accuracy on them: 66.67% before, 100.00%" in text
    )
    assert (
        "Fixed test images (actual, predicted; numbered as in main): 1 (4, 9), 2 (relabelled), 5 (relabelled)." in text
    )
    assert "test sets differ" not in comparison_markdown(compare(base, base, 0.05))


def test_a_comparison_over_seeds_states_means_and_interval() -> None:
    base = [make_result("main", set(), {"train.seed": 0}), make_result("refs/exps/ab/c/wide", set(), {"train.seed": 1})]
    other = [make_result("mine", set(), {"train.seed": 0}), make_result("0123456789" * 4, set(), {"train.seed": 4})]
    text = seeds_markdown(base, other, compare_seeds([0.990, 0.991], [0.995, 0.996], 0.05))
    assert text.startswith("## mine against main, over seeds: better")
    assert "Difference in mean test accuracy: +0.500 percentage points, 95% confidence interval" in text
    assert "| main | 2 | 99.050% | 0.071 | main (seed 0), wide (seed 1) |" in text
    assert "| mine (seed 0), 0123456 (seed 4) |" in text


def test_a_comparison_over_seeds_without_variation_has_no_interval() -> None:
    base, other = ([make_result(name, set())] * 2 for name in ("main", "mine"))
    text = seeds_markdown(base, other, compare_seeds([0.95, 0.95], [0.9, 0.9], 0.05))
    assert text.startswith("## mine against main, over seeds: no evidence either way")
    assert "-5.000 percentage points. No test is possible, because neither side's accuracy varies" in text
