"""The page itself: sections of HTML around what facts and series know."""

import base64
import html
import io
import json
import os

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg

import plot
import style
from overview import bisections
from overview.drawing import Request
from webpage import facts, series

# Debian's libjs-dygraphs (MIT), copied into the page when it is written.
DYGRAPHS = "/usr/share/javascript/dygraphs"
MOST_PICTURE = 1_200_000  # bytes; a larger picture is drawn coarser
POLICY = ("default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
          "img-src data:")
COLORS = 24  # along an axis


def escaped(text):
    return html.escape(str(text), quote=True)


def of(runs, folder):
    """The page's text."""
    result = runs.results[0]
    library = dygraphs_texts()
    title = f"{facts.plain_folder(folder)}: {result.attributes.get('model', 'a result')}"
    data = {"axes": series.axes(runs), "curves": series.curves(runs),
            "numbers": series.numbers(runs), "colors": _colors()} if library else None
    sections = [_what_was_run(runs), _picture(runs, folder),
                _look_into(data) if library else _without_library(), _transitions(runs),
                _exponents(runs), _measurements(runs),
                _failures(runs), _again(runs, folder), _cite(runs), _origin(runs, folder)]
    scripts = ""
    if library:
        scripts = (f'<script type="application/json" id="data">{as_script(data)}</script>\n'
                   f"<script>{library['js']}</script>\n<script>{_own('page.js')}</script>\n")
    css = _own("page.css") + (library["css"] if library else "")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>{css}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escaped(title.replace('_', ' '))}</h1>\n{_counts(runs)}\n"
        + "\n".join(section for section in sections if section)
        + f"\n</main>\n{scripts}</body>\n</html>\n")


def as_script(data):
    """As text that no HTML can end."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _own(name):
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()


def dygraphs_texts():
    """Texts of the interactive part, or None where its package is missing."""
    try:
        with open(os.path.join(DYGRAPHS, "dygraph.min.js"), encoding="utf-8") as script:
            with open(os.path.join(DYGRAPHS, "dygraph.min.css"), encoding="utf-8") as sheet:
                texts = {"js": script.read(), "css": sheet.read()}
    except OSError:
        return None
    # Their maps are no part of the page, and would be asked for.
    lines = {kind: "\n".join(line for line in text.splitlines() if "sourceMappingURL" not in line)
             for kind, text in texts.items()}
    return None if "</script" in lines["js"] or "</style" in lines["css"] else lines


def _colors():
    sequence = style.SEQUENCE
    return [matplotlib.colors.to_hex(sequence(k / (COLORS - 1))) for k in range(COLORS)]


def _table(heads, rows, numbers_from=None):
    """`rows` of texts. Columns from `numbers_from` on are set as numbers."""
    def cell(k, text, tag):
        kind = ' class="n"' if numbers_from is not None and k >= numbers_from else ""
        return f"<{tag}{kind}>{escaped(text)}</{tag}>"

    head = "".join(cell(k, text, "th") for k, text in enumerate(heads))
    body = "\n".join("<tr>" + "".join(cell(k, text, "td") for k, text in enumerate(row)) + "</tr>"
                     for row in rows)
    return (f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>\n{body}\n</tbody></table></div>")


def _counts(runs):
    counts = facts.status_counts(runs)
    named = ", ".join(f"{count} {word}" for word, count in counts)
    created = runs.results[0].attributes.get("created", "")
    what = "a single run" if not runs.results[0].axes else f"{len(runs.runs)} runs"
    return (f'<p class="lead">{escaped(what)}: {escaped(named)}'
            + (f"; {escaped(created)}" if created else "") + "</p>")


def _what_was_run(runs):
    result = runs.results[0]
    parts = ["<section><h2>What was run</h2>"]
    if result.axes:
        parts.append(_table(["axis", "values", ""], _axes(result)))
    config, _ = facts.config_given(runs)
    parts.append("<details open><summary>Config, as it was given</summary>"
                 f"<pre>{escaped(config)}</pre></details>")
    resolved = facts.cut(str(result.attributes.get("config_resolved", "")), facts.MOST_CONFIG)
    if resolved:
        parts.append("<details><summary>With all defaults filled in</summary>"
                     f"<pre>{escaped(resolved.strip())}</pre></details>")
    return "\n".join(parts) + "</section>"


def _axes(result):
    """(axis, count, its values) of each dimension of the study; of a group a line for each key."""
    rows = []
    for dim in result.axes:
        group = result.groups.get(dim)
        if group is None:
            rows.append((dim, result.size(dim), _values(result.along_dimension(dim))))
            continue
        rows.append((dim, result.size(dim), group.kind))
        rows += [(f"{key}, along {dim}", "", _values(values)) for key, values in group.keys.items()]
    return rows


def _values(values, most=8):
    texts = [facts.value_text(value) for value in values]
    return ", ".join(texts if len(texts) <= most else texts[:most - 2] + ["…", texts[-1]])


def _picture(runs, folder):
    """What `gradflow plot` draws, as a picture within the page."""
    figure = plot.figure_of(runs, Request(), "paper")
    for dpi in (style.DPI, 150, 100, 70):
        figure.set_dpi(dpi)
        stream = io.BytesIO()
        FigureCanvasAgg(figure).print_png(stream, metadata=style.PICTURES[".png"])
        if len(stream.getvalue()) <= MOST_PICTURE:
            break
        figure.set_layout_engine("none")
    data = base64.b64encode(stream.getvalue()).decode()
    words = f"what gradflow plot draws of {facts.plain_folder(folder)}"
    return (f'<section><h2>Overview</h2><img alt="{escaped(words)}" '
            f'src="data:image/png;base64,{data}"></section>')


def _select(name, words, options, first=0):
    """`options`: texts, or {value: text}."""
    numbered = options if isinstance(options, dict) else dict(enumerate(options))
    choices = "".join(f'<option value="{k}"{" selected" if k == first else ""}>{escaped(text)}'
                      "</option>" for k, text in numbered.items())
    return f'<label>{escaped(words)} <select id="{name}">{choices}</select></label>'


def _check(name, words, checked=False):
    return (f'<label><input type="checkbox" id="{name}"{" checked" if checked else ""}> '
            f"{escaped(words)}</label>")


def _look_into(data):
    parts = []
    axes = [axis["name"] for axis in data["axes"]]
    repeats = [axis["name"] for axis in data["axes"] if axis["repeats"]]
    curves, numbers = data["curves"], data["numbers"]
    telling = next((k for k, axis in enumerate(data["axes"]) if not axis["repeats"]), 0)
    # Of measurements each colour is a series of its own.
    few = {k: axis["name"] for k, axis in enumerate(data["axes"]) if not axis["drawn"]}
    few_first = next((k for k in few if not data["axes"][k]["repeats"]), -1)
    over = next((k for k, axis in enumerate(data["axes"]) if axis["drawn"]), telling)
    if curves:
        parts.append(_chart("curves", "Curves", [
            _select("curves-y", "observable", [o["label"] for o in curves["observables"]]),
            _select("curves-x", "over", [x["label"] for x in curves["x"]]),
            *([_select("curves-color", "colour", axes, telling)] if axes else []),
            _check("curves-logx", "log x"), _check("curves-logy", "log y"),
            *([_check("curves-mean", f"mean over {', '.join(repeats)}")] if repeats else []),
        ], curves["remark"]))
    if numbers:
        labels = [n["label"] for n in numbers["numbers"]]
        asked = next((k for k, n in enumerate(numbers["numbers"]) if n["asked"]), 0)
        parts.append(_chart("numbers", "Measurements", [
            _select("numbers-y", "measurement", labels, asked),
            _select("numbers-x", "over", axes + labels, over),
            *([_select("numbers-color", "colour", {**few, -1: "none"}, few_first)] if axes else []),
            _check("numbers-logx", "log x"), _check("numbers-logy", "log y"),
            *([_check("numbers-mean", f"mean over {', '.join(repeats)}", True)] if repeats else []),
        ], numbers["remark"]))
    if not parts:
        return ""
    return ('<section id="look"><h2>To look into</h2>\n' + "\n".join(parts)
            + '<p class="note">Point at a curve for its name and values; drag to enlarge, click twice '
              "for the whole.</p></section>")


def _chart(name, title, controls, remark):
    return (f'<h3>{title}</h3><div class="controls">{" ".join(controls)}</div>'
            f'<div class="chart" id="{name}" role="img" aria-label="{escaped(title)}, interactive; '
            'the tables below hold the numbers"></div>'
            f'<div class="key" id="{name}-key"></div><p class="hover" id="{name}-hover" '
            f'aria-live="polite"></p>'
            f'<p class="note" id="{name}-note" data-remark="{escaped(remark)}">{escaped(remark)}</p>')


def _without_library():
    return ('<section><h2>To look into</h2><p>This page is static: the package libjs-dygraphs was not '
            "there when it was written.</p></section>")


def _measurements(runs):
    if runs.single:
        heads, shown, rows, _ = facts.measurements(runs)
        listed = [(facts.label(runs, name), cell) for name, cell in zip(shown, rows[0][1])]
        listed += [(f"{facts.label(runs, name)}, at the end", value)
                   for name, value in facts.ends(runs)]
        if not listed:
            return ""
        return ("<section><h2>Measurements</h2>" + _table(["quantity", "value"], listed, 1)
                + "</section>")
    axes, shown, rows, remark = facts.measurements(runs)
    if not shown:
        return ""
    heads = axes + [facts.label(runs, name) for name in shown]
    note = f'<p class="note">{escaped(remark)}</p>' if remark else ""
    return ("<section><h2>Measurements</h2>" + note
            + _table(heads, [place + cells for place, cells in rows], len(axes)) + "</section>")


def _transitions(runs):
    """Of a bisection where the crossings are."""
    if not bisections.applies(runs):
        return ""
    chains, names = bisections.transitions(runs)
    chains = chains.one_by_one()
    axes, shown, rows, remark = facts.measurements(chains, names)
    heads = axes + [facts.label(chains, name) for name in shown]
    note = f'<p class="note">{escaped(remark)}</p>' if remark else ""
    return ("<section><h2>Transitions</h2>" + note
            + _table(heads, [place + cells for place, cells in rows], len(axes)) + "</section>")


def _exponents(runs):
    heads, rows = facts.exponents(runs)
    return f"<section><h2>Power laws</h2>{_table(heads, rows, 2)}</section>" if rows else ""


def _failures(runs):
    columns, rows, count = facts.failures(runs)
    if not count:
        return ""
    note = (f'<p class="note">the first {len(rows)} of {count}</p>' if len(rows) < count else "")
    heads = [*columns, "status", "message"]
    return ("<section><h2>Failed runs</h2>" + note
            + _table(heads, [[*place, word, text] for place, word, text in rows]) + "</section>")


def _again(runs, folder):
    lines = "\n".join(f"<dt>{escaped(what)}</dt><dd><code>{escaped(command)}</code></dd>"
                      for what, command in facts.commands(runs, folder))
    return f"<section><h2>To run it again</h2><dl>\n{lines}\n</dl></section>"


def _cite(runs):
    has = runs.results[0].attributes
    version, commit = has.get("gradflow_version", "?"), has.get("gradflow_commit", "?")
    lines = [f"The gradflow authors: gradflow {version}, commit {commit}."]
    if has.get("paper"):
        lines.append(f"The model: {has['paper']}.")
    return ("<section><h2>To cite</h2>" + "".join(f"<p>{escaped(line)}</p>" for line in lines)
            + "</section>")


def _origin(runs, folder):
    has = runs.results[0].attributes
    rows = [(key, has[key]) for key in ("content_hash", "gradflow_version", "gradflow_commit",
                                        "result_version", "build_type", "build_flags", "compiler",
                                        "sundials_version", "eigen_version", "boost_version",
                                        "netcdf_version", "processor") if key in has]
    parts = ["<section><h2>Where it comes from</h2>", _table(["", ""], rows)]
    entries = facts.processes(folder)
    if entries:
        keys = ["host", "pid", "processor", "started", "points", "point_seconds",
                "gradflow_commit", "build_flags"]
        heads = [key for key in keys if any(key in entry for entry in entries)]
        shown = entries[:facts.MOST_ROWS]
        if len(shown) < len(entries):
            parts.append(f'<p class="note">the first {len(shown)} of {len(entries)} processes</p>')
        parts.append(_table([head.replace("_", " ") for head in heads],
                            [[_short(entry.get(head, "")) for head in heads] for entry in shown]))
    return "\n".join(parts) + "</section>"


def _short(value):
    return facts.number(value) if isinstance(value, float) else value
