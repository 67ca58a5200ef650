"""What readers are told of the table is what the table says."""

import re
from pathlib import Path

from coordinator.dialects.translation import manual
from coordinator.dialects.translation.rules import Refused
from coordinator.dialects.translation.table import TABLE


def test_the_page_for_readers_is_that_of_the_table() -> None:
    assert manual.PAGE.read_text() == manual.page(), "python -m coordinator.dialects.translation.manual"


def test_readme_names_what_is_refused() -> None:
    """Each field that is refused whatever it says, by its name."""
    readme = (Path(__file__).parents[4] / "README.md").read_text()
    told = set(re.findall(r"`([a-z_.]+)`", readme[readme.index("Refused by name") :].split("\n\n")[0]))
    refused = {
        field
        for name, table in TABLE.items()
        for field, rule in table.rules.items()
        if isinstance(rule, Refused) and not name.endswith((" messages", " content"))
    }
    assert refused - told == set()
