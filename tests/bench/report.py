"""What the bench says: one row per case, as text, markdown and JSON."""
from dataclasses import asdict, dataclass, field

MET, MISSED, NOISY, SHOWN = "met", "MISSED", "too noisy", "–"


@dataclass
class Row:
    """One case. `value` is what `bar` judges (at most, or at least with `is_floor`); without a bar it is only shown."""
    key: str
    what: str
    peer: str = ""
    value: float = None
    unit: str = ""
    bar: float = None
    is_floor: bool = False
    ours: str = ""     # the measured figures behind the value, in words
    theirs: str = ""
    spread: float = 0.0
    is_noisy: bool = False
    notes: list = field(default_factory=list)
    figures: dict = field(default_factory=dict)
    problem: str = ""  # why there is no value, or why the value counts for nothing

    @property
    def verdict(self):
        if self.problem:
            return MISSED
        if self.bar is None:
            return SHOWN
        if self.is_noisy:
            return NOISY
        if self.value is None:
            return MISSED
        return MET if (self.value >= self.bar if self.is_floor else self.value <= self.bar) else MISSED

    def shown_value(self):
        if self.value is None:
            return "–"
        text = f"{self.value:,.0f}".replace(",", " ") if self.value >= 100 else f"{self.value:.2f}"
        return f"{text} {self.unit}".strip()

    def shown_bar(self):
        if self.bar is None:
            return "–"
        text = f"{self.bar:,.0f}".replace(",", " ") if self.bar >= 100 else f"{self.bar:.2f}"
        return f"{'≥' if self.is_floor else '≤'} {text} {self.unit}".strip()

    def as_json(self):
        return {**asdict(self), "verdict": self.verdict}


HEADINGS = ("what", "here", "peer", "value", "bar", "spread", "verdict")


def cells(row):
    spread = f"{row.spread * 100:.0f} %" if row.spread else ""
    return (row.what, row.ours, row.theirs, row.shown_value(), row.shown_bar(), spread, row.verdict)


def lines_below(row):
    if row.problem:
        yield row.problem
    yield from row.notes


def as_text(row, widths):
    text = "  ".join(cell.ljust(width) for cell, width in zip(cells(row), widths)).rstrip()
    return "\n".join([text, *(f"    {line}" for line in lines_below(row))])


WIDTHS = (53, 32, 32, 10, 10, 6, 9)


def heading():
    return "  ".join(name.ljust(width) for name, width in zip(HEADINGS, WIDTHS)).rstrip()


def as_markdown(rows, about):
    out = [about, "", "| what | here | peer | value | bar | spread |", "|---|---|---|---|---|---|"]
    for row in rows:
        what, ours, theirs, value, bar, spread, verdict = cells(row)
        value = f"**{value}**" if verdict == MET else f"{value} ({verdict})" if row.bar is not None else value
        out.append(f"| {what} | {ours} | {theirs} | {value} | {bar} | {spread} |")
    notes = [(row.what, list(lines_below(row))) for row in rows if row.problem or row.notes]
    if notes:
        out += ["", *(f"- {what}: {'; '.join(lines)}" for what, lines in notes)]
    return "\n".join(out) + "\n"
