"""What an expression of PromQL names: metrics with their matchers, and labels that it groups by. Enough for the rules
and the dashboard of this repository, whose label values hold no braces."""

from __future__ import annotations

import re
from dataclasses import dataclass

SELECTOR = re.compile(r"(?<![\w:$\"])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?(?!\s*\()")
MATCHER = re.compile(r"([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*\"([^\"]*)\"")
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
RANGE = re.compile(r"\[[^\]]*\]")
STRING = re.compile(r"\"[^\"]*\"")

# Words that look like metrics.
KEYWORDS = {"and", "or", "unless", "bool", "offset", "e6"}


@dataclass(frozen=True)
class Selector:
    metric: str
    matchers: tuple[tuple[str, str, str], ...]  # label, operator, value


def selectors(expression: str) -> list[Selector]:
    text = GROUPING.sub(" ", RANGE.sub("", expression))
    found = []
    for name, matchers in SELECTOR.findall(text):
        if name not in KEYWORDS and not _is_inside_matchers(text, name):
            found.append(Selector(name, tuple(MATCHER.findall(matchers))))
    return found


def grouping_labels(expression: str) -> set[str]:
    return {label.strip() for group in GROUPING.findall(expression) for label in group.split(",") if label.strip()}


def alternatives(operator: str, value: str) -> list[str]:
    """The values that a matcher names; none where it is a pattern."""
    if operator in ("=", "!="):
        return [value]
    values = value.split("|")
    return values if all(re.fullmatch(r"[\w.-]+", one) for one in values) else []


def _is_inside_matchers(text: str, name: str) -> bool:
    """Whether the name is that of a label, or within a string."""
    outside = re.sub(r"\{[^}]*\}", "", STRING.sub("", text))
    return re.search(rf"(?<![\w:]){re.escape(name)}(?![\w:])", outside) is None
