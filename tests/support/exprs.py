"""What a PromQL expression of `deploy/observe` asks for: are there such figures, with such labels and values?

Not a parser of PromQL, which promtool is: only the selectors are looked at.
"""

import re

from node.metrics import NODE
from node.relay.figures import RELAY

__all__ = ["names_in", "problems"]

SELECTOR = re.compile(r"(?<![\w:.\"$])([a-zA-Z_]\w*)(?:\{([^}]*)\})?(?=[\s\[),]|$)")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
WORDS = frozenset({"by", "on", "and", "or", "min", "max", "sum", "job", "instance", "state", "of", "how", "outcome"})
"""What may stand there like a name and is none."""
OTHERS = frozenset({"up", "ALERTS"})
"""What Prometheus itself states."""
SCRAPED = frozenset({"job", "instance"})
"""Labels that whoever scrapes gives."""
PROCESS = frozenset(
    {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds"}
)


def _known() -> dict[str, dict[str, tuple[str, ...]]]:
    return {
        f"{catalogue.prefix}_{name}{'_total' if shape.counter else ''}": dict(shape.labels)
        for catalogue in (NODE, RELAY)
        for name, shape in catalogue.shapes.items()
    }


def selectors(expression: str) -> list[tuple[str, str]]:
    """Name and matchers of every figure in an expression."""
    bare = re.sub(r"\[[^\]]*\]", "", expression)  # without the ranges, "[5m]"
    return [(name, inner) for name, inner in SELECTOR.findall(bare) if name not in WORDS]


def names_in(expression: str) -> set[str]:
    return {name for name, _ in selectors(expression)}


def problems(expression: str) -> list[str]:
    """Why an expression asks for what is not there; empty when all of it is."""
    found, known = [], _known()
    if not selectors(expression):
        found.append("asks for nothing")
    for name, inner in selectors(expression):
        if name in PROCESS or name in OTHERS:
            continue
        if name not in known:
            found.append(f"there is no figure {name}")
            continue
        for label, sign, value in MATCHER.findall(inner):
            if label in SCRAPED:
                continue
            allowed = known[name].get(label)
            if allowed is None:
                found.append(f"{name} has no label {label}")
                continue
            asked = value.split("|") if "~" in sign else [value]
            found += [f"{name} is never {label}={one}" for one in asked if one not in allowed]
    return found
