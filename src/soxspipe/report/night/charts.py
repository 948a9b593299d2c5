"""Small charts of the night's page, as SVG: they print, and need no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from soxspipe.report.markup import Html, joined, tag
from soxspipe.report.night.content import Curve, Values

WIDTH, HEIGHT = 160, 40
CHART_WIDTH, CHART_HEIGHT = 460, 200
LEFT, BOTTOM, TOP, RIGHT = 64, 34, 10, 10
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Colours that people with any colour vision tell apart (Okabe & Ito 2008)."""

Series = tuple[str, Sequence[float], Sequence[float | None]]
"""Label, x and y; None breaks the line."""


def thumbnail(curve: Curve | None, label: str) -> Html | None:
    """A spectrum as a small line, scaled between its 2nd and 98th percentile."""
    if curve is None:
        return None
    known = sorted(value for value in curve.values if value is not None)
    if not known:
        return None
    low, high = known[int(0.02 * (len(known) - 1))], known[math.ceil(0.98 * (len(known) - 1))]
    low = min(low, 0.0) if low < 0.5 * high else low
    scale = (HEIGHT - 4) / (high - low) if high > low else 0.0
    step = WIDTH / max(1, len(curve.values) - 1)
    lines = _pieces(
        (round(place * step, 1), None if value is None else round(HEIGHT - 2 - min(max(value - low, 0.0), high - low) * scale, 1))
        for place, value in enumerate(curve.values)
    )
    return tag(
        "svg",
        (tag("polyline", points=points) for points in lines),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="thumb",
        role="img",
        aria_label=label,
        preserveAspectRatio="none",
    )


def chart(
    title: str, x_label: str, y_label: str, series: Sequence[Series], *, dots: bool = False, limits: tuple[float | None, float | None] = (None, None)
) -> Html:  # fmt: skip
    """Several curves over each other, with axes, as a figure.

    Parameters
    ----------
    title, x_label, y_label : str
        Words.
    series : sequence of Series
        What to draw.
    dots : bool
        Mark single values.
    limits : pair of float or None
        Acceptable range of y, drawn as a band.
    """
    xs = [x for _, values, _ in series for x in values]
    ys = [y for _, _, values in series for y in values if y is not None]
    if not xs or not ys:
        return tag("figure", tag("figcaption", title), tag("p", "nothing was measured", class_="hint"), class_="chart")
    shown_limits = [limit for limit in limits if limit is not None and _near(limit, ys)]
    across, up = _axis(xs, LEFT, CHART_WIDTH - RIGHT), _axis([*ys, *shown_limits], CHART_HEIGHT - BOTTOM, TOP)
    drawn = [
        _curve(across, up, values_x, values_y, COLOURS[place % len(COLOURS)], dots=dots)
        for place, (_, values_x, values_y) in enumerate(series)
    ]  # fmt: skip
    svg = tag(
        "svg", _band(up, limits), _ticks(across, up, x_label, y_label), drawn,
        viewBox=f"0 0 {CHART_WIDTH} {CHART_HEIGHT}", role="img", aria_label=f"{title}: {y_label} over {x_label}",
    )  # fmt: skip
    return tag("figure", tag("figcaption", title), svg, _key([label for label, _, _ in series]), class_="chart")


class _Axis:
    """Values to places on paper."""

    def __init__(self, low: float, high: float, start: float, stop: float) -> None:
        self.low, self.high, self.start, self.stop = low, high, start, stop

    def __call__(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start), 1)

    def ticks(self) -> list[float]:
        """Three to six round values."""
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / 2.5))
        step = next(step * factor for factor in (1, 2, 5, 10) if (self.high - self.low) / (step * factor) <= 6)
        first = math.ceil(self.low / step - 1e-9)
        return [round(number * step, 12) for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _axis(values: Sequence[float], start: float, stop: float) -> _Axis:
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return _Axis(low - margin, high + margin, start, stop)


def _near(limit: float, values: Sequence[float]) -> bool:
    """Whether a limit is close enough to the values to be worth the room."""
    spread = max(values) - min(values) or abs(max(values)) or 1.0
    return min(values) - 3.0 * spread <= limit <= max(values) + 3.0 * spread


def _curve(across: _Axis, up: _Axis, xs: Sequence[float], ys: Sequence[float | None], colour: str, *, dots: bool) -> Html:
    places = [(across(x), None if y is None else up(y)) for x, y in zip(xs, ys, strict=True)]
    lines = [tag("polyline", points=points, stroke=colour) for points in _pieces(places)]
    marks = [tag("circle", cx=x, cy=y, r=3, fill=colour) for x, y in places if y is not None] if dots else []
    return joined(lines, marks)


def _band(up: _Axis, limits: tuple[float | None, float | None]) -> Html | None:
    low, high = limits
    if low is None and high is None:
        return None
    top = up(min(up.high, high)) if high is not None else up(up.high)
    bottom = up(max(up.low, low)) if low is not None else up(up.low)
    if bottom <= top:
        return None
    return tag("rect", x=LEFT, y=top, width=CHART_WIDTH - RIGHT - LEFT, height=round(bottom - top, 1), class_="band")


def _ticks(across: _Axis, up: _Axis, x_label: str, y_label: str) -> Html:
    floor = CHART_HEIGHT - BOTTOM
    parts = [tag("path", d=f"M{LEFT} {TOP}V{floor}H{CHART_WIDTH - RIGHT}", class_="axis")]
    for value in across.ticks():
        parts += [
            tag("path", d=f"M{across(value)} {floor}v4", class_="axis"),
            tag("text", f"{value:g}", x=across(value), y=floor + 15, text_anchor="middle"),
        ]
    for value in up.ticks():
        parts += [
            tag("path", d=f"M{LEFT} {up(value)}h-4", class_="axis"),
            tag("text", f"{value:g}", x=LEFT - 7, y=up(value) + 4, text_anchor="end"),
        ]
    middle = (TOP + floor) / 2
    parts.append(tag("text", x_label, x=(LEFT + CHART_WIDTH - RIGHT) / 2, y=CHART_HEIGHT - 3, text_anchor="middle", class_="label"))
    parts.append(tag("text", y_label, transform=f"translate(11 {middle:g}) rotate(-90)", text_anchor="middle", class_="label"))
    return joined(parts)


def _key(labels: Sequence[str]) -> Html | None:
    if len(labels) < 2 and not any(labels):
        return None
    entries = (
        tag("li", tag("i", style=f"background: {COLOURS[place % len(COLOURS)]}"), label) for place, label in enumerate(labels)
    )  # fmt: skip
    return tag("ul", entries, class_="key")


def _pieces(points: Iterable[tuple[float, float | None]]) -> list[str]:
    """Points of SVG polylines, a new one after each gap."""
    lines: list[list[str]] = [[]]
    for x, y in points:
        if y is None:
            if lines[-1]:
                lines.append([])
        else:
            lines[-1].append(f"{x:g},{y:g}")
    return [" ".join(line) for line in lines if line]


def wavelengths(curve: Curve) -> list[float]:
    """Wavelength of each value of a curve."""
    n = len(curve.values)
    return [curve.low_nm + (curve.high_nm - curve.low_nm) * (place + 0.5) / n for place in range(n)]


def logarithms(values: Values) -> list[float | None]:
    """Decimal logarithms; None where there is none."""
    return [math.log10(value) if value is not None and value > 0 else None for value in values]
