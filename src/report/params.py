"""The `report` section of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from src.common.params import Parameter, Section


class ReportParams(Section):
    max_images: Annotated[
        int,
        Field(ge=1, le=400),  # 400 in a single column still fit within matplotlib's limit of 65,535 pixels
        Parameter(100, "Maximum number of mistakes in the error plot.", "images"),
    ]
    columns: Annotated[int, Field(ge=1, le=40), Parameter(10, "Mistakes per row of the error plot.", "images")]
    order: Annotated[
        Literal["index", "confidence"],
        Parameter("index", "Order of the mistakes: by index in the test set, or most confident first."),
    ]
