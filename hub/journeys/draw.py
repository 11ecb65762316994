"""A journey as a picture: Mermaid text for documents, SVG for a page. Pure.

One lane per department from top to bottom, time from left to right: a task stands right of everything it comes after.
"""

from collections.abc import Mapping
from html import escape
from textwrap import wrap

from hub.journeys.model import Journey, TaskPlan
from schemas.envelope import Department

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _LANE_PAD, _LEFT, _TOP = 216, 100, 56, 20, 20, 120, 72
_LINE = 16


def mermaid(journey: Journey) -> str:
    """The journey as a Mermaid flowchart: a subgraph per department, an arrow per `after` with the condition on it."""
    lines = ["flowchart LR", f'  start(["{_quoted(journey.title)}"])']
    for department in _departments(journey):
        lines.append(f"  subgraph {department.replace('-', '_')}[{_title(department)}]")
        lines += [f'    {_id(task)}["{_label(task)}"]' for task in journey.tasks if task.department is department]
        lines.append("  end")
    for task in journey.tasks:
        condition = f'|"{_quoted(task.when.text)}"|' if task.when else ""
        lines += [f"  {_id(journey.by_name[name])} -->{condition} {_id(task)}" for name in task.after]
        if not task.after:
            lines.append(f"  start -->{condition} {_id(task)}")
    return "\n".join(lines) + "\n"


def svg(journey: Journey) -> str:
    """The journey as one SVG document that stands alone: readable in light and dark, with a title and a description for screen readers."""
    columns = _columns(journey)
    places = _places(journey, columns)
    departments = _departments(journey)
    rows = {
        each: max((row for name, (_, row) in places.items() if journey.by_name[name].department is each), default=0)
        for each in departments
    }
    tops, y = {}, _TOP
    for department in departments:
        tops[department] = y
        y += (rows[department] + 1) * (_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _LANE_PAD
    width = _LEFT + (max(columns.values()) + 1) * (_WIDTH + _GAP_X)
    boxes = {
        name: (
            _LEFT + column * (_WIDTH + _GAP_X),
            tops[journey.by_name[name].department] + _LANE_PAD + row * (_HEIGHT + _GAP_Y),
        )
        for name, (column, row) in places.items()
    }
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 12}" role="img" aria-labelledby="title what">',
        f'<title id="title">{escape(journey.title)}</title>',
        f'<desc id="what">{escape(_told(journey))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<text class="head" x="8" y="30">{escape(journey.title)}</text>',
        '<text class="small" x="8" y="54">A dashed task is done only when its condition holds.</text>',
    ]
    for department in departments:
        height = (rows[department] + 1) * (_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _LANE_PAD
        parts.append(f'<rect class="lane" x="0" y="{tops[department]}" width="{width}" height="{height - 6}" rx="8"/>')
        parts.append(f'<text class="who" x="12" y="{tops[department] + 30}">{escape(_title(department))}</text>')
    parts += [_arrow(boxes[name], boxes[task.name]) for task in journey.tasks for name in task.after]
    parts += [_box(task, boxes[task.name]) for task in journey.tasks]
    return "\n".join([*parts, "</svg>"]) + "\n"


_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b2733}.head{font-size:20px;font-weight:600}.who{font-weight:600}"
    ".lane{fill:#eef2f6}.task{fill:#fff;stroke:#2b5d8a;stroke-width:1.5}.name{font-weight:600}.small{font-size:12px}"
    ".arrow{fill:none;stroke:#5b6b7b;stroke-width:1.5}.tip{fill:#5b6b7b}.maybe{stroke-dasharray:5 4}"
    "@media(prefers-color-scheme:dark){svg{background:#11181f}text{fill:#e6edf3}.lane{fill:#1b252f}.task{fill:#11181f;stroke:#7fb2e0}"
    ".arrow{stroke:#9aa9b8}.tip{fill:#9aa9b8}}"
)


def _departments(journey: Journey) -> list[Department]:
    """Those that have a task in it, in the order of the list of departments."""
    return [department for department in Department if any(task.department is department for task in journey.tasks)]


def _columns(journey: Journey) -> Mapping[str, int]:
    """How far right each task stands: behind the last of those it comes after."""
    columns: dict[str, int] = {}
    for task in journey.tasks:
        columns[task.name] = max((columns[name] + 1 for name in task.after), default=0)
    return columns


def _places(journey: Journey, columns: Mapping[str, int]) -> Mapping[str, tuple[int, int]]:
    """Column and row of each task; two of one department in one column stand below each other."""
    taken: dict[tuple[Department, int], int] = {}
    places = {}
    for task in journey.tasks:
        cell = (task.department, columns[task.name])
        places[task.name] = (columns[task.name], taken.get(cell, 0))
        taken[cell] = taken.get(cell, 0) + 1
    return places


def _box(task: TaskPlan, corner: tuple[int, int]) -> str:
    x, y = corner
    maybe = " maybe" if task.when else ""
    texts = [("name", _title(task.name)), *(("small", line) for line in wrap(task.asks, 32)[:2])]
    if task.due:
        texts += [("small", line) for line in wrap(f"due {task.due.text}".replace("_", " "), 32)[:2]]
    lines = "".join(
        f'<text class="{kind}" x="{x + 10}" y="{y + 20 + place * _LINE}">{escape(text)}</text>'
        for place, (kind, text) in enumerate(texts)
    )
    tip = f"<title>{escape(task.asks)}{f' Only when {escape(task.when.text)}.' if task.when else ''}</title>"
    return f'<g>{tip}<rect class="task{maybe}" x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>{lines}</g>'


def _arrow(begin: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = begin[0] + _WIDTH, begin[1] + _HEIGHT // 2, end[0], end[1] + _HEIGHT // 2
    middle = (x1 + x2) // 2
    curve = f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2 - 6} {y2}"
    return f'<path class="arrow" d="{curve}"/><path class="tip" d="M{x2} {y2} l-8 -4 v8 z"/>'


def _told(journey: Journey) -> str:
    """The picture in sentences."""
    return " ".join(
        f"{_title(task.department)}: {_title(task.name)}"
        + (f", after {', '.join(_title(name) for name in task.after)}" if task.after else "")
        + (f", when {task.when.text}" if task.when else "")
        + (f", due {task.due.text}" if task.due else "")
        + "."
        for task in journey.tasks
    )


def _label(task: TaskPlan) -> str:
    due = f"<br/><small>due {_quoted(task.due.text)}</small>" if task.due else ""
    return f"{_title(task.name)}{due}"


def _id(task: TaskPlan) -> str:
    # A word before it: a task may be called start, housing or end, which stand for something else in the text.
    return f"task_{task.name.replace('-', '_')}"


def _title(words: str) -> str:
    return words.replace("-", " ").capitalize()


def _quoted(text: str) -> str:
    """Text as Mermaid takes it within quotes, where it reads HTML, backticks and entities that begin with #."""
    return "".join(f"#{ord(character)};" if character in '"#<>&`' else character for character in text)
