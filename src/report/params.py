"""The `report` section of params.yaml."""

from typing import Literal

from src.common.params import Section, parameter


class ReportParams(Section):
    max_images: int = parameter(100, "Maximum number of errors in the error plot.", "images", ge=1, le=400)
    columns: int = parameter(10, "Errors per row of the error plot.", "images", ge=1, le=40)
    order: Literal["index", "confidence"] = parameter(
        "index", "Order of the errors: by index in the test set, or most confident first."
    )
