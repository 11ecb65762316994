"""RESULTS.md from RESULTS.json: when, where, how to do it again, what was measured, and which goals were missed by how much. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.bench.figures import Spread
from tests.bench.good import good_rates, is_wrong
from tests.bench.limits import LIMITS
from tests.bench.needs import needs

HUB = "hub"


@dataclass(frozen=True)
class Goal:
    """What was promised of two contestants.

    Attributes:
        ours, theirs: their names.
        at_least: ours / theirs, events in a second.
        aim: what would be better still.
    """

    ours: str
    theirs: str
    at_least: float
    aim: float | None = None


GOALS = (
    Goal(HUB, "stock_faust", 10),
    Goal(HUB, "quix", 1.3, 2),
    Goal(HUB, "kafka_streams-at_least_once", 1.5),
    Goal(HUB, "kafka_streams-exactly_once_v2", 2),
    Goal(HUB, "confluent_loop", 0.9, 1.1),
    Goal("hub_postgresql", HUB, 0.7),
    Goal(HUB, "prototype", 0.7),
)
_AGAINST = "quix"

_SENT = 0.97
"""So much of a rate must have been sent, or the page says how much it was."""
_HOW_WAITS = (
    "By the broker's clock, from when the event was appended to when its output was. Of Kafka Streams with exactly once that flatters:\n"
    "what it has appended can be read only when it commits, every 100 ms. Contestants that cannot keep up with 3,000/s fall behind there,\n"
    "and their waits say by how much."
)
Row = Sequence[str]


def page(results: Mapping[str, Any]) -> str:
    """The page of what was measured.

    Args:
        results: as `python -m tests.bench` keeps them in RESULTS.json; what was not measured is not there.
    """
    parts = [_head(results), _throughput(results), _goals(results), _latency(results), _paths(results)]
    parts += [_limits(results), needs(results), _wrong(results)]
    return "\n".join(part for part in parts if part)


def _head(results: Mapping[str, Any]) -> str:
    story, gos = results["story"], results["gos"]
    told = (
        f"The story: {story['events']:,} events of {story['cases']:,} cases of the journey hospital-discharge, {story['bytes']:,} bytes\n"
        f"each in the mean, from which {story['outputs']:,} outputs follow; {story['partitions']} partitions.\n\n"
        if story
        else ""
    )
    when = "\n".join(f"- {_where(go)}" for go in gos) if len(gos) > 1 else _where(gos[0])
    commands = "\n".join(dict.fromkeys(go["command"] for go in gos))
    return f"""# What was measured

{when}

Do it again with

```sh
{commands}
```

{told}Every contestant in Python calls the same `step`; each runs alone on one core, and the broker, the database and what measures share
the others. Runs are interleaved: one of each, then the next of each. A figure is the median, with the range of the runs behind it. Outputs
are counted and compared by id with those that must come, after every run; of a hub its database is compared, too.
"""


def _where(go: Mapping[str, Any]) -> str:
    machine = go["machine"]
    return (
        f"{go['date']}, commit {go['commit']}, on {machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}"
    )


def _throughput(results: Mapping[str, Any]) -> str:
    runs = _by_contestant(results.get("runs", ()))
    if not runs:
        return ""
    rows = []
    for name, found in runs.items():
        about = results["contestants"][name]
        good = [run for run in found if not is_wrong(run)]
        if not good:
            rows.append((about["title"], "no run was right", "", "", "", "", about["keeps"]))
            continue
        rows.append(
            (
                about["title"],
                _spread(good, "per_s", _whole),
                _spread(good, "later_per_s", _whole),
                _spread(good, "cpu_s", _tenths),
                _spread(good, "others_cpu_s", _tenths),
                _spread(good, "peak_mb", _whole),
                about["keeps"],
            )
        )
    head = ("", "events/s", "second half", "CPU s/million", "broker's and database's", "peak MB", "keeps")
    return "## Through the whole story\n\n" + _table(head, rows)


@dataclass(frozen=True)
class _Judged:
    """How a promise stands: in which words it was measured, and whether it was kept; None where it was not measured."""

    what: str
    promised: str
    measured: str
    kept: bool | None
    by: str = ""

    @property
    def verdict(self) -> str:
        return {None: "", True: "kept", False: f"MISSED{self.by}"}[self.kept]

    @property
    def in_short(self) -> str:
        return ", ".join(filter(None, (self.measured, self.verdict)))


def _goals(results: Mapping[str, Any]) -> str:
    rows = [(each.what, each.promised, each.measured, each.verdict) for each in _ratios(results)]
    return "## Against what was promised\n\n" + _table(("events/s, ours / theirs", "promised", "measured", ""), rows)


def _ratios(results: Mapping[str, Any]) -> Iterable[_Judged]:
    runs = _by_contestant(results.get("runs", ()))
    for goal in GOALS:
        ratio = _ratio(runs.get(goal.ours, ()), runs.get(goal.theirs, ()))
        what = f"{goal.ours} / {goal.theirs}"
        wanted = f"at least {goal.at_least:g}" + (f", aim {goal.aim:g}" if goal.aim else "")
        if ratio is None:
            yield _Judged(what, wanted, "not measured", None)
        else:
            by = f" by {1 - ratio / goal.at_least:.0%}"
            yield _Judged(what, wanted, f"{ratio:.2f}", ratio >= goal.at_least, by)


def _ratio(ours: Iterable[Mapping[str, Any]], theirs: Iterable[Mapping[str, Any]]) -> float | None:
    both = [[run["per_s"] for run in runs if not is_wrong(run) and run["per_s"]] for runs in (ours, theirs)]
    return Spread.of(both[0]).median / Spread.of(both[1]).median if all(both) else None


def _latency(results: Mapping[str, Any]) -> str:
    found = results.get("latency", ())
    if not found:
        return ""
    rows = []
    for (rate, name), runs in _by_rate(found).items():
        title = results["contestants"][name]["title"]
        if not (good := _good(runs)):
            rows.append((f"{rate:,}/s", title, "no run was right", "", "", "", ""))
            continue
        spreads = [_spread(good, key, _whole) for key in ("p50", "p95", "p99", "most")]
        sent = min(run["sent_per_s"] for run in runs if run["waits"])
        shown = f"{rate:,}/s" if sent >= _SENT * rate else f"{rate:,}/s, of which {sent:,.0f} were sent"
        rows.append((shown, title, *spreads, _spread(good, "core_share", _hundredths)))
    head = ("", "", "p50 ms", "p95 ms", "p99 ms", "max ms", "share of a core")
    said = [f"- {each.what}, promised {each.promised}: {each.in_short}" for each in _waits(results)]
    text = f"## From a request on the topic to its task on the topic\n\n{_HOW_WAITS}\n\n{_table(head, rows)}"
    return text + ("\n" + "\n".join(said) + "\n" if said else "")


def _waits(results: Mapping[str, Any]) -> Iterable[_Judged]:
    found = _by_rate(results.get("latency", ()))
    for rate in dict.fromkeys(rate for rate, _ in found):
        ours, theirs = (_good(found.get((rate, name), ())) for name in (HUB, _AGAINST))
        for key, kind in (("p99", "p99"), ("core_share", "CPU")):
            what, wanted = f"{rate:,}/s, {kind}, ours / Quix", "at most 1"
            mine, other = (Spread.of(run[key] for run in good).median if good else 0.0 for good in (ours, theirs))
            if mine and other:
                ratio = mine / other
                yield _Judged(what, wanted, f"{ratio:.2f}", ratio <= 1, f" by {ratio - 1:.0%}")
            else:
                yield _Judged(what, wanted, "not measured", None)


def _by_rate(found: Iterable[Mapping[str, Any]]) -> dict[tuple[int, str], list[Mapping[str, Any]]]:
    sorted_out: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
    for each in sorted(found, key=lambda each: int(each["per_s"])):
        sorted_out.setdefault((each["per_s"], each["contestant"]), []).append(each)
    return sorted_out


def _good(runs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**run["waits"], "core_share": run["core_share"]} for run in good_rates(runs)]


def _paths(results: Mapping[str, Any]) -> str:
    found = results.get("paths", ())
    if not found:
        return ""
    rows = [
        (
            each["what"],
            each["measured"] if not each.get("problem") else "not measured",
            each.get("promised", ""),
            each.get("verdict", ""),
        )
        for each in found
    ]
    return "## Whole paths\n\n" + _table(("", "measured", "promised", ""), rows)


def _limits(results: Mapping[str, Any]) -> str:
    """What stands in the way of each promise that was missed."""
    missed = [each.what for each in (*_ratios(results), *_waits(results)) if each.kept is False]
    missed += [each["what"] for each in results.get("paths", ()) if each.get("verdict") == "MISSED"]
    lines = [f"- {what}: {LIMITS.get(what, 'not looked into yet.')}" for what in missed]
    return "## What limits what was missed\n\n" + "\n".join(lines) + "\n" if lines else ""


def is_all_right(results: Mapping[str, Any]) -> bool:
    """Whether everything that was asked for was measured, and nothing was lost or doubled meanwhile. A missed goal is no matter of that."""
    return not _wrong(results)


def _wrong(results: Mapping[str, Any]) -> str:
    lines = []
    for run in results.get("runs", ()):
        if is_wrong(run):
            wrong = [f"{count} {what}" for what, count in (run["verdict"] or {}).items() if count and what != "seen"]
            lines.append(
                f"- {run['contestant']}, run {run['number']}: "
                + "; ".join(filter(None, [", ".join(wrong), _first_line(run)]))
            )
    lines += [
        f"- {each['contestant']}, {each['per_s']:,}/s, run {each['number']}: {_first_line(each)}"
        for each in results.get("latency", ())
        if each["problem"]
    ]
    lines += [f"- {each['what']}: {_first_line(each)}" for each in results.get("paths", ()) if each.get("problem")]
    lines += [f"- {name}: {why}" for name, why in results.get("not_prepared", {}).items()]
    return "## What went wrong\n\n" + "\n".join(lines) + "\n" if lines else ""


def _first_line(found: Mapping[str, Any]) -> str:
    return str(found["problem"]).partition("\n")[0]


def _by_contestant(found: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    sorted_out: dict[str, list[Mapping[str, Any]]] = {}
    for each in found:
        sorted_out.setdefault(each["contestant"], []).append(each)
    return sorted_out


def _spread(runs: Iterable[Mapping[str, Any]], key: str, write: Callable[[float], str]) -> str:
    spread = Spread.of(run[key] for run in runs)
    if spread.least == spread.most:
        return write(spread.median)
    return f"{write(spread.median)} ({write(spread.least)} to {write(spread.most)})"


def _whole(figure: float) -> str:
    return f"{figure:,.0f}"


def _tenths(figure: float) -> str:
    return f"{figure:,.1f}"


def _hundredths(figure: float) -> str:
    return f"{figure:.2f}"


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
