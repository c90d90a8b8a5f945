import pytest

from src.report.params import ReportParams
from src.report.report import build_report
from tests.builders import make_report_results

PARAMS = ReportParams(max_images=10, columns=5, order="index")


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


def test_equal_results_give_equal_bytes() -> None:
    one, other = (build_report(make_report_results(7, ["cat", "dog"]), PARAMS) for _ in range(2))
    assert one == other
