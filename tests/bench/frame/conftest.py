"""What the tests of the frame share: results that are made up."""

import pytest
from frame.goals import Goal
from frame.results import merged

SECTIONS = ("digits", "text")
LOWER = Goal.lower("seconds", 2.0, 10.0, "peer", 5.0)
MISSED = Goal.lower("more seconds", 2.1, 10.0, "another", 5.0)


@pytest.fixture
def measured():
    """Two sections, of which one meets its goal."""
    found = {"goals": [MISSED], "details": {"ratios": {"peer": 4.76}}}
    first = merged({}, "text", found, SECTIONS)
    found = {"goals": [LOWER], "details": {"kind": {"ratios": {"a": 2}}}}
    return merged(first, "digits", found, SECTIONS)
