from pathlib import Path

import jinja2
import pytest

from src.report.html import render, sprite_position, sprite_size


def test_values_are_escaped_and_base_html_can_be_extended(tmp_path: Path) -> None:
    template = tmp_path / "page.html"
    template.write_text('{% extends "base.html" %}{% block title %}{{ name }}{% endblock %}')
    assert "<title>&lt;b&gt;</title>" in render(template, name="<b>")


def test_a_missing_value_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ name }}")
    with pytest.raises(jinja2.UndefinedError):
        render(tmp_path / "page.html")


def test_sprite_positions_span_the_sheet_in_percent() -> None:
    assert sprite_position(0, 45) == "0.0000% 0.0000%"
    assert sprite_position(19, 45) == "100.0000% 0.0000%"
    assert sprite_position(20, 45) == "0.0000% 50.0000%"
    assert sprite_position(44, 45).endswith(" 100.0000%")
    assert sprite_position(3, 5).endswith(" 0.0000%")
    assert sprite_size(45, 28, 30) == {"height": 28, "width": 30, "columns": 20, "rows": 3}
