"""A strict reader of Prometheus' text format 0.0.4: everything it accepts, Prometheus accepts."""

import math
import re
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (\S+)")
_UNESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Labels = tuple[tuple[str, str], ...]


@dataclass
class Family:
    """One metric: its type and its samples, by name with suffix and by labels in order."""

    kind: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float:
        """Of the one sample with exactly these labels."""
        (found,) = [
            value for (each, its), value in self.samples.items() if each == name and dict(its) == labels
        ]
        return found


def families(text: str) -> dict[str, Family]:
    """Fails where HELP and TYPE do not precede the samples, or anything else is out of form."""
    assert text.endswith("\n")
    found: dict[str, Family] = {}
    helped = current = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped = line.split(" ")[2]
            assert helped not in found
            continue
        if line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current == helped
            assert kind in {"counter", "gauge", "histogram"}
            found[current] = Family(kind)
            continue
        _add(found[current], current, line)
    for name, family in found.items():
        if family.kind == "histogram":
            _check_histogram(name, family)
        assert (family.kind == "counter") == name.endswith("_total"), name
    return found


def _add(family: Family, name: str, line: str) -> None:
    matched = _SAMPLE.fullmatch(line)
    assert matched, line
    suffixes = {"_bucket", "_sum", "_count"} if family.kind == "histogram" else {""}
    assert matched[1].removeprefix(name) in suffixes, line
    labels = tuple(
        (label, re.sub(r"\\.", lambda escape: _UNESCAPED[escape[0]], text))
        for label, text in re.findall(_LABEL, matched[2] or "")
    )
    assert len(dict(labels)) == len(labels), line
    assert (matched[1], labels) not in family.samples, f"twice: {line}"
    value = float(matched[matched.lastindex or 0])
    assert not math.isnan(value)
    family.samples[matched[1], labels] = value


def _check_histogram(name: str, family: Family) -> None:
    buckets: dict[Labels, list[tuple[float, float]]] = {}
    for (sample, labels), value in family.samples.items():
        if sample == f"{name}_bucket":
            rest = tuple(each for each in labels if each[0] != "le")
            buckets.setdefault(rest, []).append((float(dict(labels)["le"]), value))
    for labels, counted in buckets.items():
        assert counted == sorted(counted), "bounds rise, and counts with them"
        assert [count for _, count in counted] == sorted(count for _, count in counted)
        assert counted[-1] == (math.inf, family.samples[f"{name}_count", labels])
        assert (f"{name}_sum", labels) in family.samples
