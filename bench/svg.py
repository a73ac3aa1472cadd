# SPDX-License-Identifier: Apache-2.0
"""svg.py: plain plots without a library: lines over two axes, and bars."""
import html
import math

COLOURS = ["#c1272d", "#0571b0", "#008837", "#7b3294", "#e66101", "#5e5e5e", "#a6611a", "#018571", "#d01c8b", "#4d4d9f", "#8c510a", "#35978f",
           "#bf812d", "#80cdc1"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 70, 230, 40, 50
FONT = 'font-family="sans-serif" font-size="12"'


def text(x, y, words, anchor="start", extra=""):
    """A text at a point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {FONT} {extra}>{html.escape(words)}</text>'


def line(x1, y1, x2, y2, colour="#ddd"):
    """A thin straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def page(width, height, parts):
    """The file."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>\n"])


def powers(low, high):
    """1, 2, 5 times powers of ten from `low` to `high`."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [digit * 10.0 ** power for power in range(first, last + 1) for digit in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high]


def misses(recall):
    """Where a recall stands on the axis: equal steps for each tenth of the misses that is left."""
    return -math.log10(max(1.0 - recall, 0.0005))


class Scale:
    """What goes from left to right: its name, where a value stands, the marked values, and the last value."""

    def __init__(self, name, place, marks, last):
        self.name, self.place, self.marks, self.last = name, place, marks, last


RECALL = Scale("recall", misses, (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999), 1.0)
SHARE = Scale("share of the rows that the filter lets through", math.log10, (0.0001, 0.001, 0.01, 0.05, 0.1, 0.3, 1.0), 1.0)


class Axes:
    """A scale from left to right, queries a second upwards by their logarithm."""

    def __init__(self, curves, scale):
        points = [point for curve in curves.values() for point in curve]
        speeds = [speed for _, speed in points]
        self.low, self.high = min(speeds) * 0.8, max(speeds) * 1.25
        self.scale, self.first, self.last = scale, scale.place(scale.marks[0]), scale.place(scale.last)

    def x(self, value):
        """A value of the scale to pixels."""
        share = (max(self.scale.place(value), self.first) - self.first) / (self.last - self.first)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, speed):
        """Queries a second to pixels."""
        share = math.log(speed / self.low) / math.log(self.high / self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def frame(self, title):
        """Grid, numbers and names."""
        parts = [text(LEFT, 22, title, extra='font-weight="bold"'), text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, self.scale.name, "middle"),
                 text(8, 22, "queries/s")]
        for mark in self.scale.marks:
            parts += [line(self.x(mark), TOP, self.x(mark), HEIGHT - BOTTOM), text(self.x(mark), HEIGHT - 32, f"{mark:g}", "middle")]
        for speed in powers(self.low, self.high):
            parts += [line(LEFT, self.y(speed), WIDTH - RIGHT, self.y(speed)), text(LEFT - 6, self.y(speed) + 4, f"{speed:,.0f}", "end")]
        return parts


def plot(title, curves, scale=RECALL):
    """An SVG of {name: [(value of the scale, queries a second), ...]}."""
    axes = Axes(curves, scale)
    parts = axes.frame(title)
    for i, (name, points) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [(axes.x(value), axes.y(speed)) for value, speed in sorted(points) if value >= scale.marks[0]]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{3 if i == 0 else 1.5}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in places]
        top = TOP + 16 * i
        parts += [f'<rect x="{WIDTH - RIGHT + 14}" y="{top}" width="12" height="10" fill="{colour}"/>',
                  text(WIDTH - RIGHT + 32, top + 10, name)]
    return page(WIDTH, HEIGHT, parts)


def bars(title, values, unit):
    """An SVG of {name: number}, one bar each."""
    height = TOP + 24 * len(values) + 10
    most = max(values.values())
    parts = [text(10, 22, title, extra='font-weight="bold"')]
    for i, (name, value) in enumerate(values.items()):
        top = TOP + 24 * i
        long = (WIDTH - 360) * value / most if most else 0
        parts += [text(250, top + 13, name, "end"),
                  f'<rect x="258" y="{top}" width="{max(long, 1):.1f}" height="16" fill="{COLOURS[0] if name.startswith("mql") else COLOURS[1]}"/>',
                  text(264 + long, top + 13, f"{value:,.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}")]
    return page(WIDTH, height, parts)
