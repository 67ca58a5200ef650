"""What a key let in is cut off with it, and nothing else is."""

from coordinator.access.under_keys import UnderKeys


class Line:
    aborted = 0

    def abort(self) -> None:
        self.aborted += 1


def test_only_what_is_under_way_by_that_key_is_cut() -> None:
    under, lines = UnderKeys(), [Line(), Line(), Line()]
    under.begun("a", lines[0])
    under.begun("a", lines[1])
    under.begun("b", lines[2])
    under.ended("a", lines[1])
    under.cut({"a", "unknown"})
    assert [each.aborted for each in lines] == [1, 0, 0]
    under.ended("a", lines[0])
    under.ended("a", lines[0])
    under.ended("b", lines[2])
    assert len(under) == 0
