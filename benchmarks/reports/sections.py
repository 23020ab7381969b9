"""The parts of the page that are text: verdicts, tiles, tables, the waterfall. The page's script draws the rest."""

from __future__ import annotations

from collections.abc import Sequence

from ..compare import Comparison, percent
from ..thresholds import quantile
from . import view
from .junit import flat
from .markup import EMPTY, Markup, cell, figure, head, join, number, table, tag, text, words
from .source import STAGES, Calls, Result, Row, summary_keys

MAIN_FIGURES = ("p50", "p99", "max")
BAR = 1000  # units across a bar
ABOUT_THRESHOLDS = ("kept: fail if", "CROSSED: fail if")  # they have a table of their own
TONES = {"held": "good", "kept": "good", "MISSED": "bad", "CROSSED": "bad", "worse": "bad", "better": "good"}


def pill(word: str, tone: str | None = None, *more: Markup) -> Markup:
    """A word with the colour of what it says."""
    return tag("span", text(word), *more, class_="pill", data_tone=tone or TONES.get(word, "plain"))


def unstable(result: Result) -> list[str]:
    """Why the result may not be trusted."""
    return [warning for warning in result.warnings if "unstable" in warning or "busy" in warning]


def headline(result: Result) -> Markup:
    """The verdicts in a few words: targets, the display's rate, whether to trust them."""
    found = [pill("Targets missed", "bad")] if any(not check.held for check in result.checks) else []
    if any(one.crossed for one in result.thresholds):
        found.append(pill("Threshold crossed", "bad"))
    if not found:
        found = [pill("Targets held", "good") if result.checks or result.thresholds else pill("No targets")]
    rates = {(one.refresh_hz, one.holds): name for name, one in result.holds.items()}
    for (hz, holds), name in sorted(rates.items()):
        verb, tone = ("Holds ", "good") if holds else ("Does not hold ", "bad")
        found.append(pill(verb, tone, figure(hz, "details", "holds", name, "refresh_hz"), text(" Hz")))
    if unstable(result):
        found.append(pill("May be unstable", "wait"))
    return join(found, " ")


def sentences(result: Result) -> Markup:
    """The verdict in plain words."""
    found: list[Markup] = []
    if result.checks:
        held = sum(check.held for check in result.checks)
        counts = figure(held, "checks", how="held"), text(" of "), figure(len(result.checks), "checks", how="count")
        found.append(join([*counts, text(" targets held.")]))
    if result.thresholds:
        crossed = sum(one.crossed for one in result.thresholds)
        of = figure(crossed, "thresholds", how="crossed"), figure(len(result.thresholds), "thresholds", how="count")
        found.append(join([of[0], text(" of "), of[1], text(" thresholds crossed.")]))
    if result.calls is not None and any(result.calls.missed):
        refreshes, calls = view.missed(result.calls)
        at = ("details", "calls", "missed")
        found.append(join([
            figure(refreshes, *at, how="sum"), text(" refreshes missed by "), figure(calls, *at, how="above zero"),
            text(" of "), figure(len(result.calls), *at, how="count"), text(" calls and frames."),
        ]))  # fmt: skip
    found += [words(sentence, "verdicts", index) for index, sentence in enumerate(result.verdicts)
              if not sentence.startswith(ABOUT_THRESHOLDS)]  # fmt: skip
    items = [tag("li", one) for one in found or [text("No targets were set for this run.")]]
    return tag("ul", *items, class_="sentences")


def tiles(result: Result) -> Markup:
    """The figures of the first series, in its unit and in frames."""
    index = next((place for place, row in enumerate(result.rows) if not row.floor), None)
    if index is None:
        return EMPTY
    row = result.rows[index]
    found = []
    for key in MAIN_FIGURES:
        if key in row.summary:
            path = ("rows", index, "summary", key)
            main = join([figure(row.summary[key], *path), tag("small", text(row.unit))], " ")
            found.append(_tile(quantile(key), main, _frames(result, row.summary[key], row.unit, path)))
    title = tag("h3", words(row.name, "rows", index, "name"))
    return tag("div", title, tag("dl", *found, class_="tiles"))


def _tile(name: str, main: Markup, below: Markup) -> Markup:
    return tag("div", tag("dt", text(name)), tag("dd", main), tag("dd", below, class_="below"))


def _frames(result: Result, value: float, unit: str, path: tuple[str | int, ...]) -> Markup:
    """A time as refreshes of the display."""
    hz = result.refresh_hz
    if hz is None or unit != "ms":
        return EMPTY
    return join([figure(value * hz / 1000, *path, how="frames"), text(" frames at "),
                 figure(hz, "details", "refresh_hz"), text(" Hz")])  # fmt: skip


def targets(result: Result) -> Markup:
    """Every check and every threshold."""
    rows = []
    for index, check in enumerate(result.checks):
        at = ("checks", index)
        unit = text(f" {check.unit}") if check.unit else EMPTY
        wanted = join([text(f"{check.comparison} "), figure(check.target, *at, "target"), unit])
        note = tag("small", words(check.note, *at, "note")) if check.note else EMPTY
        rows.append(tag("tr", cell(words(check.name, *at, "name"), text(" "), note),
                        number(figure(check.measured, *at, "measured"), unit), number(wanted),
                        cell(pill("held" if check.held else "MISSED"))))  # fmt: skip
    for index, one in enumerate(result.thresholds):
        at = ("thresholds", index)
        rows.append(tag("tr", cell(text("fail if "), tag("code", words(one.threshold, *at, "threshold"))),
                        number(figure(one.measured, *at, "measured")),
                        number(text(f"not {one.comparison} "), figure(one.limit, *at, "limit")),
                        cell(pill("CROSSED" if one.crossed else "kept"))))  # fmt: skip
    if not rows:
        return EMPTY
    heads = (head("target"), head("measured", number=True), head("wanted", number=True), head("verdict"))
    return table(heads, rows, caption="Targets and thresholds", class_="targets")


def series(result: Result) -> Markup:
    """Every row with its quantiles; times also in frames where the refresh rate is known."""
    keys = summary_keys(result.rows)
    heads = [head("series"), *(head(quantile(key), number=True) for key in keys), head("unit")]
    if framed := result.refresh_hz is not None:
        heads += [head("p50, frames", number=True), head("p99, frames", number=True)]
    rows = [_series_row(result, index, row, keys, framed) for index, row in enumerate(result.rows)]
    return table(heads, rows, caption="Every series; floors are null targets", class_="series steady")


def _series_row(result: Result, index: int, row: Row, keys: Sequence[str], framed: bool) -> Markup:
    def at(key: str) -> Markup:
        return figure(row.summary[key], "rows", index, "summary", key) if key in row.summary else EMPTY

    def frames(key: str) -> Markup:
        if key not in row.summary or row.unit != "ms" or result.refresh_hz is None:
            return EMPTY
        return figure(row.summary[key] * result.refresh_hz / 1000, "rows", index, "summary", key, how="frames")

    name = join([words(row.name, "rows", index, "name"), text(" "), pill("floor")] if row.floor
                else [words(row.name, "rows", index, "name")])  # fmt: skip
    last = [number(frames("p50")), number(frames("p99"))] if framed else []
    unit = cell(words(row.unit, "rows", index, "unit"))
    figures = (number(at(key)) for key in keys)
    return tag("tr", cell(name), *figures, unit, *last, class_="floor" if row.floor else None)


def stages(calls: Calls) -> Markup:
    """Where the time goes, usually and in the slowest calls."""
    found = view.stages(calls)
    if not found:
        return tag("p", text("This run did not measure stages."), class_="muted")
    widest = max(max(stage.mean, stage.slow_mean) for stage in found) or 1.0
    names = ("mean, ms", "slowest 1 %", "p50", "p99")
    heads = (head("stage"), head("mean / slowest 1 %"), *(head(name, number=True) for name in names))
    rows = []
    for stage in found:
        bars = tag("svg", _rect(0, stage.mean / widest, 0, 5, f"stage-{stage.name}"),
                   _rect(0, stage.slow_mean / widest, 7, 9, f"stage-{stage.name}"),
                   viewBox=f"0 0 {BAR} 16", preserveAspectRatio="none", class_="bar", aria_hidden="true")  # fmt: skip
        figures = (stage.mean, "mean"), (stage.slow_mean, "mean of slowest 1 %"), (stage.p50, "p50"), (stage.p99, "p99")
        numbers = (number(figure(value, "details", "calls", f"{stage.name}_ms", how=how)) for value, how in figures)
        rows.append(tag("tr", cell(_swatch(stage.name), text(stage.name)), cell(bars, class_="wide"), *numbers))
    return table(heads, rows, caption="Stages of answered calls", class_="stages steady")


def _rect(start: float, share: float, top: int, height: int, class_: str) -> Markup:
    x, width = round(BAR * start, 2), round(BAR * max(0.0, share), 2)
    return tag("rect", x=x, y=top, width=width, height=height, class_=class_)


def _swatch(stage: str) -> Markup:
    return tag("i", class_=f"swatch stage-{stage}")


def waterfall(result: Result, calls: Calls) -> Markup:
    """The slowest calls, each stage where it lay in time."""
    rows = view.slowest(calls)
    if not rows:
        return tag("p", text("No call was answered."), class_="muted")
    longest = max(calls.latency_ms[row] or 0.0 for row in rows) or 1.0
    framed = [head("frames", number=True)] if result.refresh_hz is not None else []
    heads = [head("call"), head("stages, from when it should have been sent"), head("ms", number=True), *framed,
             head("missed", number=True), head("longest stage"), head("at, s", number=True)]  # fmt: skip
    known = [stage for stage in STAGES if getattr(calls, f"{stage}_ms")]
    legend = [tag("li", _swatch(stage), text(stage)) for stage in known]
    body = [_fall(result, calls, row, longest, known) for row in rows]
    return join([tag("ul", *legend, class_="legend"),
                 table(heads, body, caption="The slowest calls by stage", class_="waterfall steady")])  # fmt: skip


def _fall(result: Result, calls: Calls, row: int, longest: float, known: Sequence[str]) -> Markup:
    latency = calls.latency_ms[row] or 0.0
    at = ("details", "calls")
    place = [words(str(calls.stream[row]), *at, "stream", row)]
    if calls.n:
        place += [text(" n "), figure(calls.n[row], *at, "n", row)]
    op = tag("small", words(calls.op[row], *at, "op", row))
    parts = {stage: getattr(calls, f"{stage}_ms")[row] or 0.0 for stage in known}
    bars, start = [], 0.0
    for stage, took in parts.items():
        bars.append(_rect(start / longest, took / longest, 0, 16, f"stage-{stage}"))
        start += max(0.0, took)
    if not parts:
        bars.append(_rect(0, latency / longest, 0, 16, "stage-network"))
    bar = tag("svg", *bars, viewBox=f"0 0 {BAR} 16", preserveAspectRatio="none", class_="bar", aria_hidden="true")
    most = max(parts, key=lambda stage: parts[stage], default=None)
    longest_cell = join([text(f"{most} "), figure(parts[most], *at, f"{most}_ms", row)]) if most else EMPTY
    frames = []
    if result.refresh_hz is not None:
        how = figure(latency * result.refresh_hz / 1000, *at, "latency_ms", row, how="frames")
        frames = [number(how)]
    when = figure(calls.t_ms[row] / 1000, *at, "t_ms", row, how="seconds")
    took, missed = figure(latency, *at, "latency_ms", row), figure(calls.missed[row] or 0, *at, "missed", row)
    return tag("tr", cell(*place, text(" "), op), cell(bar, class_="wide"), number(took), *frames, number(missed),
               cell(longest_cell), number(when))  # fmt: skip


def comparison(found: Comparison) -> Markup:
    """This run against the baseline."""
    heads = (head("series"), head("quantile"), head("baseline", number=True), head("this run", number=True),
             head("unit"), head("change", number=True), head("95 % interval", number=True), head("ratio to"),
             head("verdict"))  # fmt: skip
    rows = []
    for index, one in enumerate(found.differences):
        def share(value: float, key: str, index: int = index) -> Markup:
            return tag("data", text(percent(value)), value=repr(value), data_from=f"comparison {index} {key}")

        def plain(value: float, key: str, index: int = index) -> Markup:
            return tag("data", text(f"{value:.4g}"), value=repr(value), data_from=f"comparison {index} {key}")

        interval = join([share(one.low, "low"), text(" to "), share(one.high, "high")])
        rows.append(tag("tr", cell(text(one.name)), cell(text(one.quantile)), number(plain(one.a, "a")),
                        number(plain(one.b, "b")), cell(text(one.unit)), number(share(one.change, "change")),
                        number(interval), cell(text(one.beside or "no floor")), cell(pill(one.verdict))))  # fmt: skip
    verdict = {"worse": "This run is worse than the baseline.", "better": "This run is better than the baseline."}
    sentence = verdict.get(found.verdict, "These two runs cannot tell a difference that matters.")
    notes = tag("ul", *(tag("li", text(one)) for one in found.warnings), class_="warnings") if found.warnings else EMPTY
    shown = table(heads, rows, caption="This run against the baseline", class_="steady") if rows else EMPTY
    return join([tag("p", tag("strong", text(sentence))), notes, shown])


def values(result: Result) -> Markup:
    """Single numbers."""
    return tag("dl", *(_fact(tag("span", text(name), data_from="key"), figure(value, "values", name))
                       for name, value in result.values.items()), class_="facts short")  # fmt: skip


def environment(result: Result) -> Markup:
    """What it was measured on, and with which options."""
    pairs = [*flat(result.environment, "environment"), *flat(result.options, "options")]
    return tag("dl", *(_fact(tag("span", text(name.split(".", 1)[1]), data_from="key"),
                             tag("span", text(value or "none"), data_from="leaf")) for name, value in pairs),
               class_="facts")  # fmt: skip


def _fact(name: Markup, value: Markup) -> Markup:
    return tag("div", tag("dt", name), tag("dd", value))


def warnings(result: Result) -> Markup:
    """Everything that the run said about itself."""
    items = [tag("li", words(warning, "warnings", index)) for index, warning in enumerate(result.warnings)]
    return tag("ul", *items, class_="warnings") if items else EMPTY
