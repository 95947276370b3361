"""Values that every request and fact is made of."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from leadflow.domain.values import UtcTime


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_utc_has_no_year_for_is_a_wrong_value(text: str) -> None:
    """What is no ValueError would not be refused as wrong input, but end whoever reads it."""
    with pytest.raises(ValidationError, match="years 1 to 9999"):
        TypeAdapter(UtcTime).validate_python(text)
