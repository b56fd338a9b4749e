"""Line plots as SVG: as much of a plotting library as the benchmark's curves need."""

import math
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

Points = Mapping[float, float]
WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 160, 40, 44
COLOURS = ("#0b7285", "#e8590c", "#5f3dc4", "#2b8a3e", "#c2255c")


def lines(title: str, across: str, up: str, series: Mapping[str, Points]) -> str:
    """Return a plot of each series over a logarithmic x axis; the y axis begins at zero."""
    xs = sorted({x for points in series.values() for x in points})
    top = _nice(max(y for points in series.values() for y in points.values()))
    frame = _Frame(xs[0], xs[-1], top)
    body = [_text(LEFT, 22, title, size=15, weight="bold"), *_grid(frame, xs, up), _across(across)]
    for number, (name, points) in enumerate(series.items()):
        body += _series(frame, name, points, number)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


class _Frame:
    """Where a value lies on the picture."""

    def __init__(self, first: float, last: float, top: float) -> None:
        self.first, self.last, self.top = first, last, top

    def x(self, value: float) -> float:
        span = math.log(self.last / self.first) or 1
        return round(LEFT + (WIDTH - LEFT - RIGHT) * math.log(value / self.first) / span, 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top, 1)


def _nice(value: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(value or 1))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _grid(frame: _Frame, xs: list[float], up: str) -> Iterator[str]:
    for share in range(5):
        value = frame.top * share / 4
        y = frame.y(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#dee2e6"/>'
        yield _text(LEFT - 8, y + 4, f"{value:g}", anchor="end")
    for value in xs:
        yield _text(frame.x(value), HEIGHT - BOTTOM + 18, f"{value:,.0f}", anchor="middle")
    yield _text(LEFT - 8, TOP - 8, up, anchor="end")


def _across(name: str) -> str:
    return _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, name, anchor="middle")


def _series(frame: _Frame, name: str, points: Points, number: int) -> Iterator[str]:
    colour = COLOURS[number % len(COLOURS)]
    places = [(frame.x(x), frame.y(y)) for x, y in sorted(points.items())]
    drawn = " ".join(f"{x},{y}" for x, y in places)
    yield f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
    row = TOP + 12 + 20 * number
    yield f'<rect x="{WIDTH - RIGHT + 14}" y="{row - 9}" width="10" height="10" fill="{colour}"/>'
    yield _text(WIDTH - RIGHT + 30, row, name)


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, weight: str = "normal") -> str:
    style = f'text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" fill="#212529"'
    return f'<text x="{x}" y="{y}" {style}>{escape(words)}</text>'
