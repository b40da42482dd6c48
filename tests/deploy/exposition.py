"""The metrics that a running server shows, and what its documentation says of labels with values found at run time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r"(\w+)=\"((?:[^\"\\]|\\.)*)\"")
TYPE = re.compile(r"^# TYPE (\S+) (\S+)$")
DOCUMENTED = re.compile(r"^## `([\w:]+)`$|^\* `(\w+)`: (.*)$", re.M)


@dataclass
class Family:
    kind: str = "untyped"
    labels: dict[str, set[str]] = field(default_factory=dict)  # name -> values; none: any value
    samples: dict[str, float] = field(default_factory=dict)  # series -> value

    @property
    def total(self) -> float:
        return sum(self.samples.values())


def families_of(text: str) -> dict[str, Family]:
    """Of an exposition in Prometheus' text format. A histogram is one family."""
    families: dict[str, Family] = {}
    for line in text.splitlines():
        if declared := TYPE.match(line):
            families[declared[1]] = Family(declared[2])
        elif sample := SAMPLE.match(line):
            family = families[_family_name(sample[1], families)]
            family.samples[line.rpartition(" ")[0]] = float(sample[3])
            for label, value in LABEL.findall(sample[2] or ""):
                family.labels.setdefault(label, set()).add(value)
    return families


def add_documented_labels(families: dict[str, Family], document: str) -> None:
    """`document` is docs/metrics.md: labels that it has "as found at run time" may have any value."""
    name = ""
    for heading, label, values in DOCUMENTED.findall(document):
        name = heading or name
        if label and "as found at run time" in values:
            families.setdefault(name, Family()).labels[label] = set()


def _family_name(sample: str, families: dict[str, Family]) -> str:
    for suffix in ("_bucket", "_sum", "_count"):
        if sample.endswith(suffix) and sample.removesuffix(suffix) in families:
            return sample.removesuffix(suffix)
    return sample if sample in families else families.setdefault(sample, Family()) and sample
