"""Conditions on the size of a company."""

from __future__ import annotations

import pytest

from leadflow.policies import read


@pytest.mark.parametrize("bound", ["min = 99999999999999999999", "max = 10000001", "min = -1"])
def test_a_number_of_employees_is_one_that_a_lead_can_have(bound: str) -> None:
    condition = f"when = {{ company_size = {{ {bound} }} }}"
    rule = f'[[rules]]\nname = "a"\ntarget = {{ hold = true }}\n{condition}\n'
    scoring = f'[[scoring.rules]]\nname = "a"\npoints = 1\n{condition}\n'
    name = bound.split()[0]
    assert {problem.path for problem in read(rule + scoring)[1] if problem.severity == "error"} == {
        f"rules[0].when.company_size.{name}",
        f"scoring.rules[0].when.company_size.{name}",
    }
