"""The page: where panels, keys and notes stand. Everything is laid out in inches from widths of
texts that are known beforehand; that leaves nothing to be found out by drawing twice."""

import dataclasses
import math

import numpy as np
from matplotlib import lines
from matplotlib.figure import Figure

import style
from overview import frames, lettering, panels

COLUMNS = 3
LINE = 0.145  # inches from one line of small text to the next, at scale 1
TITLE = 9.5  # points
HEADING = 8.5
X_LABEL = 0.16  # inches for the label of an x axis, at scale 1
GAP = 0.13
NOTE_LINES = 4
FRAME = {"paper": 1.35, "slides": 1.3}  # height of a panel's frame at scale 1


def _with_room(panels, asked, room):
    """(panels that have room, the others), both in their order: what was asked for goes first, and
    pictures that belong together stay together."""
    groups, k = [], 0
    while k < len(panels):
        groups.append(panels[k:k + getattr(panels[k], "group", 1)])
        k += len(groups[-1])
    kept = set()
    for k in sorted(range(len(groups)), key=lambda k: not asked & set(groups[k][0].names)):
        if len(groups[k]) > room:
            break
        kept.add(k)
        room -= len(groups[k])
    return ([panel for k in sorted(kept) for panel in groups[k]],
            [panel for k, group in enumerate(groups) if k not in kept for panel in group])


@dataclasses.dataclass
class Cell:
    """A panel with what stands around its frame."""
    panel: object
    title: list  # lines
    legend: list  # lines of entries
    left: float  # inches for the numbers at its y axis
    right: float  # for a colour bar
    below: float  # for the numbers at its x axis


def draw(title, content, look):
    """The figure of all panels. `content` has panels, notes, key and bar; `look` is a name of
    style.FORMATS."""
    return _Page(title, content, look).draw()


class _Page:
    def __init__(self, title, content, look):
        self.format = style.FORMATS[look]
        self.ink = self.format.scale
        self.small = style.SMALL * self.ink
        self.title, self.content = title, content
        self.frame = FRAME[look] * self.ink
        shown, left_out = _with_room(content.panels, content.asked, self.format.panels)
        self.notes = list(content.notes)
        if left_out:
            named = list(dict.fromkeys(name for panel in left_out for name in panel.names))
            more = f" and {len(named) - 8} more" if len(named) > 8 else ""
            self.notes.append(f"no room for: {', '.join(named[:8])}{more} (--variables draws them)")
        self.columns = min(COLUMNS, max(1, len(shown)))
        self.width = self.format.width if self.columns > 1 else 4.2 * self.ink
        self.rows = self._rows(shown)

    def _rows(self, shown):
        """Panels row by row; pictures that belong together begin where they have room."""
        rows, k = [[]], 0
        while k < len(shown):
            group = min(getattr(shown[k], "group", 1), self.columns)
            if len(rows[-1]) + group > self.columns:
                rows.append([])
            rows[-1] += shown[k:k + group]
            k += group
        return [row for row in rows if row]

    def draw(self):
        ink, width = self.ink, self.width
        heading = lettering.wrap(style.plain(self.title), TITLE * ink, width - 0.2, 2)
        key = self._flow(self.content.key, width - 0.2)
        bar = self.content.bar
        bar_height = 0 if bar is None else 0.2 if bar.ends else 0.32
        top = (0.06 + 0.19 * len(heading) + LINE * len(key) + bar_height) * ink + 0.04
        cells = [[self._cell(panel) for panel in row] for row in self.rows]
        self._cells = cells
        heights = [self._row_height(row) for row in cells]
        notes = [line for note in self.notes for line in self._note_lines(note)]
        foot = LINE * ink * len(notes) + (0.06 * ink if notes else 0)
        height = top + sum(heights) + foot + 0.05
        if not cells:
            height += 0.6 * ink
        self.figure = Figure(figsize=(width, height), layout="none")
        self.height, self.frames = height, 0
        y = height - 0.06 * ink
        for line in heading:
            self._text(0.1 * ink, y, line, TITLE)
            y -= 0.19 * ink
        key_end = self._draw_key(key, 0.1 * ink, y)
        y = height - top
        if not cells:
            self._text(0.1 * ink, y - 0.2 * ink, "there is nothing to draw", HEADING,
                       color=style.GREY)
        for row, row_height in zip(cells, heights):
            self._draw_row(row, y)
            y -= row_height
        if bar:
            self._draw_bar(bar, key_end)
        y = foot
        for line, color in notes:
            self._text(0.1 * ink, y, line, style.SMALL, color=color)
            y -= LINE * ink
        return self.figure

    def _note_lines(self, note):
        """A note as lines of (text, colour); what failed stands out."""
        color = style.RED if note.startswith("!") else style.GREY
        text = style.plain(note.removeprefix("!"))
        return [(line, color) for line in lettering.wrap(text, self.small, self.width - 0.2 * self.ink,
                                                         NOTE_LINES)]

    # One panel.

    def _cell(self, panel):
        ink = self.ink
        inner = self.width / self.columns - 0.2 * ink
        title = lettering.wrap(panel.title, HEADING * ink, inner, 2)
        legend = self._flow(panel.legend, inner)
        _, texts, _ = self._y_ticks(panel)
        widths = [lettering.width(text, self.small) for text in texts]
        left = max(max(widths, default=0.1) + 0.1 * ink, self._word_overhang(panel))
        below = 0.16 * ink + (self._word_height(panel) if panel.x.kind == "words" else 0.0)
        right = self._right_of(panel, left)
        if isinstance(panel, panels.Picture) and panel.with_bar:
            _, texts, _ = frames.fitting_ticks(panel.bar_scale(), self.frame, "y", ink)
            right += 0.2 * ink + max(lettering.width(text, self.small) for text in texts)
        return Cell(panel, title, legend, left, right, below)

    def _right_of(self, panel, left):
        """Room on the right of a frame, where the last number at its x axis may stand out."""
        room = 0.08 * self.ink
        inner = self.width / self.columns - left - room
        places, texts, _ = frames.fitting_ticks(panel.x, inner, "x", self.ink)
        ends = [(panel.x.unit(place) - 1) * inner + lettering.width(text, self.small) / 2
                for place, text in zip(places, texts)] if panel.x.kind != "words" else []
        return max([room, *(float(end) + 0.03 * self.ink for end in ends)])

    def _y_ticks(self, panel):
        if panel.y.nothing:
            return [], [], []
        return frames.fitting_ticks(panel.y, self.frame, "y", self.ink)

    def _word_height(self, panel):
        """What slanted words take below the axis, beyond a line; 0 where they fit side by side."""
        if not frames.words_slant(panel.x, self.width / self.columns - 0.7 * self.ink, self.ink):
            return 0.0
        longest = max(lettering.width(text, self.small) for text in panel.x.texts)
        return math.sin(math.radians(frames.SLANT)) * min(longest, 1.4 * self.ink)

    def _word_overhang(self, panel):
        """What the first of slanted words takes to the left of the frame; 0 where they fit."""
        if panel.x.kind != "words" or not self._word_height(panel):
            return 0.0
        inner = self.width / self.columns - 0.7 * self.ink
        first = lettering.width(panel.x.texts[0], self.small) * math.cos(math.radians(frames.SLANT))
        return first + 0.1 * self.ink - float(panel.x.unit(panel.x.places[0])) * inner

    def _row_height(self, row):
        head = max(self._head(cell) for cell in row)
        return head + self.frame + max(cell.below for cell in row) + (X_LABEL + GAP) * self.ink

    def _head(self, cell):
        lines_ = len(cell.legend) + (1 if cell.panel.remark else 0)
        return (0.165 * len(cell.title) + LINE * lines_ + 0.03) * self.ink

    def _draw_row(self, row, top):
        ink, width = self.ink, self.width / self.columns
        head = max(self._head(cell) for cell in row)
        for k, cell in enumerate(row):
            x, panel = k * width, cell.panel
            y = top - (head - self._head(cell))
            for line in cell.title:
                self._text(x + 0.1 * ink, y, line, HEADING)
                y -= 0.165 * ink
            y = self._draw_key(cell.legend, x + 0.1 * ink, y)
            if panel.remark:
                self._text(x + 0.1 * ink, y, panel.remark, style.SMALL - 0.5, color=style.GREY)
            bottom = top - head - self.frame
            left = max(c.left for c in self._column(k))
            inner = width - left - cell.right
            self._draw_panel(panel, self._frame(x + left, bottom, inner, self.frame))
            if isinstance(panel, panels.Picture) and panel.with_bar:
                panel.draw_bar(self._frame(x + width - cell.right + 0.05 * ink, bottom, 0.08 * ink,
                                           self.frame))
            self._text(x + left + inner / 2, bottom - cell.below, panel.x_label, 8, ha="center")

    def _column(self, k):
        """Cells in a column, whose frames are to be of one width."""
        return [row[k] for row in self._cells if len(row) > k]

    def _draw_panel(self, panel, frame):
        try:
            panel.draw(frame)
        except Exception as problem:  # one panel that cannot be drawn does not cost the others
            frame.ax.clear()
            frame.ax.set(xticks=[], yticks=[])
            frame.say(style.plain(f"cannot be drawn: {problem}"))

    # Keys.

    def _flow(self, entries, width):
        """Entries of a key in lines of this width."""
        rows, used = [], 0.0
        for entry in entries:
            length = self._entry_width(entry)
            if not rows or used + length > width:
                rows.append([])
                used = 0.0
            rows[-1].append(entry)
            used += length
        return rows

    def _entry_width(self, entry):
        mark = 0.0 if entry.color is None else 0.24 * self.ink
        return mark + lettering.width(entry.label, self.small) + 0.12 * self.ink

    def _draw_key(self, rows, left, y):
        ink = self.ink
        for row in rows:
            x = left
            for entry in row:
                at = x
                if entry.color is not None:
                    middle = y - 0.065 * ink
                    ends = [at, at + 0.19 * ink]
                    if entry.line:
                        self._line(ends, [middle] * 2, color=entry.color, ls=entry.dash,
                                   lw=entry.width * ink)
                    if entry.marker:
                        self._line([sum(ends) / 2], [middle], ls="none", marker=entry.shape, ms=3 * ink,
                                   color=entry.color, mew=0.8 * ink,
                                   mfc="white" if entry.marker == "hollow" else entry.color)
                    at += 0.24 * ink
                self._text(at, y, entry.label, style.SMALL)
                x += self._entry_width(entry)
            y -= LINE * ink
        return y

    def _draw_bar(self, bar, y):
        """The page's one colour bar, lying below its heading."""
        ink = self.ink
        label = lettering.width(bar.label, self.small)
        self._text(0.1 * ink, y - 0.02 * ink, bar.label, style.SMALL)
        left = 0.1 * ink + label + 0.1 * ink
        if bar.ends:
            self._text(left, y - 0.02 * ink, bar.ends[0], style.SMALL)
            left += lettering.width(bar.ends[0], self.small) + 0.06 * ink
        width = min(2.4 * ink, self.width - left - 0.6 * ink)
        frame = self._frame(left, y - 0.14 * ink, width, 0.09 * ink)
        frame.ax.imshow(np.linspace(0, 1, 256)[None], cmap=style.SEQUENCE, aspect="auto")
        if bar.ends:
            self._text(left + width + 0.06 * ink, y - 0.02 * ink, bar.ends[1], style.SMALL)
        else:
            frame.put_ticks("x", bar.scale, outer=True)

    # Inches to matplotlib.

    def _frame(self, left, bottom, width, height):
        self.frames += 1
        return frames.Frame(self.figure, left, bottom, width, height, self.ink,
                            f"panel{self.frames}")

    def _text(self, x, top, text, size, ha="left", color=style.BLACK):
        """Text that hangs from `top`."""
        lettering.put(self.figure, x, top - 0.1 * self.ink * size / style.SMALL, text,
                      size * self.ink, ha, color=color)

    def _line(self, x, y, **how):
        self.figure.add_artist(lines.Line2D(np.array(x) / self.width, np.array(y) / self.height,
                                            transform=self.figure.transFigure, **how))
