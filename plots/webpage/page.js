"use strict";
// The charts of the page: what is chosen in the controls, as data for dygraphs.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const axes = data.axes;
  const byId = (name) => document.getElementById(name);
  const chosen = (name) => (byId(name) ? Number(byId(name).value) : -1);
  const ticked = (name) => Boolean(byId(name) && byId(name).checked);
  function text(value) {
    if (value === null) return "none";
    const size = Math.abs(value);
    const short = Number(value.toPrecision(5));
    return size !== 0 && (size < 1e-3 || size >= 1e5) ? short.toExponential().replace("e+", "e")
      : short.toString();
  }
  const unnamed = (label) => label.replace(/ \(\w+\)$/, "");

  // Of a logarithmic axis: decades, as many as have room; within few of them 1, 2 and 5.
  function decades(low, high) {
    const first = Math.ceil(Math.log10(low) - 1e-9);
    const last = Math.floor(Math.log10(high) + 1e-9);
    const ticks = [];
    const step = Math.max(1, Math.ceil((last - first + 1) / 8));
    for (let power = first; power <= last; power += step) ticks.push(Number("1e" + power));
    if (ticks.length < 3) {
      ticks.length = 0;
      for (let power = first - 1; power <= last; power += 1) {
        [1, 2, 5].forEach((digit) => ticks.push(Number(digit + "e" + power)));
      }
    }
    return ticks.filter((v) => v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9))
      .map((v) => ({ v, label: text(v) }));
  }

  // What is to be seen, with room beside the first and the last point.
  function windowOf(xs, log) {
    const low = xs[0], high = xs[xs.length - 1];
    if (log) {
      const room = low < high ? Math.pow(high / low, 0.04) : 1.5;
      return [low / room, high * room];
    }
    const room = low < high ? 0.04 * (high - low) : 0.5 * (Math.abs(low) || 1);
    return [low - room, high + room];
  }

  function placeText(place, axesShown) {
    return axesShown.map((a) => axes[a].name + " = " + axes[a].texts[place[a]]).join(", ");
  }

  function colorOf(place, axis) {
    if (axis < 0) return data.colors[0];
    const last = axes[axis].texts.length - 1;
    return data.colors[Math.round((last > 0 ? place[axis] / last : 0) * (data.colors.length - 1))];
  }

  // Runs that differ in seeds alone, as lists of their numbers.
  function groups(places, together) {
    if (!together) return places.map((_, k) => [k]);
    const found = new Map();
    places.forEach((place, k) => {
      const key = place.filter((_, a) => !axes[a].repeats).join();
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(k);
    });
    return Array.from(found.values());
  }

  // [mean, standard error] of what is there.
  function meanOf(values) {
    const there = values.filter((v) => v !== null);
    if (there.length === 0) return [null, 0];
    const mean = there.reduce((sum, v) => sum + v, 0) / there.length;
    if (there.length < 2) return [mean, 0];
    const squares = there.reduce((sum, v) => sum + (v - mean) * (v - mean), 0);
    return [mean, Math.sqrt(squares / (there.length - 1) / there.length)];
  }

  function showKey(name, axis) {
    const key = byId(name + "-key");
    key.textContent = "";
    if (axis < 0) return;
    const texts = axes[axis].texts;
    const step = Math.max(1, Math.ceil(texts.length / 12));
    key.append(axes[axis].name + ": ");
    texts.forEach((word, k) => {
      if (k % step !== 0 && k !== texts.length - 1) return;
      const place = [];
      place[axis] = k;
      const entry = document.createElement("span");
      const mark = document.createElement("i");
      mark.style.background = colorOf(place, axis);
      entry.append(mark, word);
      key.append(entry);
    });
  }

  // series: {name, color, points: [[x, y, error], ...]}
  const charts = {};
  function draw(name, series, look) {
    const positive = (v, log) => v !== null && (!log || v > 0);
    let left = 0;
    const rows = new Map();
    series.forEach((one, s) => {
      one.points.forEach(([x, y, error]) => {
        if (x === null || y === null) return;
        if (!positive(x, look.logx) || !positive(y, look.logy)) { left += 1; return; }
        if (!rows.has(x)) rows.set(x, new Array(series.length).fill(null));
        // On logarithms a bar that reaches 0 ends at a thousandth.
        const low = look.logy ? Math.max(y - error, y / 1000) : y - error;
        rows.get(x)[s] = look.bars ? [low, y, y + error] : y;
      });
    });
    const table = Array.from(rows.entries()).sort((a, b) => a[0] - b[0]).map(([x, ys]) => [x, ...ys]);
    const note = byId(name + "-note");
    const words = [note.dataset.remark];
    if (look.bars) words.push(look.points ? "bars: the standard error" : "bands: the standard error");
    if (left > 0) words.push(left + " values that are not positive have no place on logarithms");
    note.textContent = words.filter(Boolean).join("; ");
    if (charts[name]) charts[name].destroy();
    byId(name).textContent = "";
    charts[name] = null;
    if (table.length === 0) {
      byId(name).textContent = "nothing to draw: no finite values";
      return;
    }
    const hover = byId(name + "-hover");
    const labels = ["x"].concat(series.map((one, k) => one.name + "\u200b".repeat(k)));
    const bar = (e) => {
      const ctx = e.drawingContext;
      ctx.strokeStyle = ctx.fillStyle = e.color;
      e.points.forEach((p) => {
        if (!Number.isFinite(p.canvasy)) return;
        if (look.bars && Number.isFinite(p.y_top) && Number.isFinite(p.y_bottom)) {
          ctx.beginPath();
          ctx.moveTo(p.canvasx, e.plotArea.y + e.plotArea.h * p.y_top);
          ctx.lineTo(p.canvasx, e.plotArea.y + e.plotArea.h * p.y_bottom);
          ctx.stroke();
        }
        ctx.beginPath();
        ctx.arc(p.canvasx, p.canvasy, 3, 0, 2 * Math.PI);
        ctx.fill();
      });
    };
    const options = {
      labels: labels,
      colors: series.map((one) => one.color),
      customBars: look.bars,
      connectSeparatedPoints: true,
      drawPoints: look.points,
      strokeWidth: look.points ? 0 : 1.3,
      logscale: look.logy,
      xlabel: unnamed(look.xlabel),
      ylabel: unnamed(look.ylabel),
      legend: "never",
      fillAlpha: 0.12,
      animatedZooms: false,
      axes: {
        x: { valueFormatter: text, axisLabelFormatter: text, drawGrid: false, logscale: look.logx },
        y: { valueFormatter: text, axisLabelFormatter: text, axisLabelWidth: 70, drawGrid: !look.logy,
          gridLineColor: "#e4e4e4" },
      },
      yRangePad: 8,
      highlightCircleSize: 4,
      highlightSeriesOpts: series.length > 1 ? { strokeWidth: look.points ? 0 : 3 } : undefined,
      highlightCallback: (event, x, points, row, label) => {
        const point = points.find((p) => p.name === label) || points[0];
        if (!point) return;
        const y = point.yval;
        const at = look.words ? look.words[x] : text(x);
        hover.textContent = point.name.replace(/\u200b/g, "") + ": " + unnamed(look.xlabel) + " = " +
          at + ", " + unnamed(look.ylabel) + " = " + text(y);
      },
      unhighlightCallback: () => { hover.textContent = ""; },
    };
    if (look.logx) options.axes.x.ticker = decades;
    if (look.logy) options.axes.y.ticker = decades;
    if (look.points) {
      options.plotter = bar;
      options.dateWindow = windowOf(table.map((row) => row[0]), look.logx);
    }
    if (look.words) {
      options.axes.x.ticker = () => look.words.map((word, k) => ({ v: k, label: word }));
      options.axes.x.valueFormatter = (k) => look.words[k] || "";
      options.dateWindow = [-0.5, look.words.length - 0.5];
    }
    charts[name] = new Dygraph(byId(name), table, options);
  }

  function curvesChanged() {
    const curves = data.curves;
    const observable = curves.observables[chosen("curves-y")];
    const abscissa = curves.x[chosen("curves-x")];
    const axis = chosen("curves-color");
    const together = ticked("curves-mean");
    const xs = (k) => abscissa.rows[abscissa.rows.length > 1 ? k : 0];
    const series = groups(curves.places, together).map((members) => {
      const place = curves.places[members[0]];
      const shown = axes.map((_, a) => a).filter((a) => !together || !axes[a].repeats);
      const points = xs(members[0]).map((x, i) =>
        [x, ...meanOf(members.map((k) => observable.rows[k][i]))]);
      return { name: placeText(place, shown) || observable.name, color: colorOf(place, axis), points };
    });
    draw("curves", series, {
      logx: ticked("curves-logx"), logy: ticked("curves-logy"), bars: together, points: false,
      xlabel: abscissa.label, ylabel: observable.label,
    });
    showKey("curves", axis);
  }

  function numbersChanged() {
    const numbers = data.numbers;
    const measured = numbers.numbers[chosen("numbers-y")];
    const over = chosen("numbers-x");
    const axis = chosen("numbers-color");
    const together = ticked("numbers-mean");
    const isAxis = over < axes.length;
    const other = isAxis ? null : numbers.numbers[over - axes.length];
    const xOf = (k) => (!isAxis ? other.values[k]
      : axes[over].values ? axes[over].values[numbers.places[k][over]] : numbers.places[k][over]);
    // A series for each place along the colour's axis.
    const series = new Map();
    let bars = false;
    groups(numbers.places, together && !(isAxis && axes[over].repeats)).forEach((members) => {
      const place = numbers.places[members[0]];
      const key = axis < 0 ? 0 : place[axis];
      if (!series.has(key)) {
        series.set(key, { name: axis < 0 ? measured.name : placeText(place, [axis]),
          color: colorOf(place, axis), points: [] });
      }
      let [y, error] = meanOf(members.map((k) => measured.values[k]));
      if (members.length === 1 && measured.errors) error = measured.errors[members[0]] || 0;
      bars = bars || error > 0;
      series.get(key).points.push([isAxis ? xOf(members[0]) : meanOf(members.map(xOf))[0], y, error]);
    });
    draw("numbers", spread(Array.from(series.values())), {
      logx: ticked("numbers-logx"), logy: ticked("numbers-logy"), bars, points: true,
      xlabel: isAxis ? axes[over].name : other.label, ylabel: measured.label,
      words: isAxis && !axes[over].values ? axes[over].texts : null,
    });
    showKey("numbers", axis);
  }

  // One series has one value at an x: where there are more, the rest are series of the same name.
  function spread(all) {
    const out = [];
    all.forEach((one) => {
      const layers = [];
      const seen = new Map();
      one.points.forEach((point) => {
        const depth = seen.get(point[0]) || 0;
        seen.set(point[0], depth + 1);
        if (!layers[depth]) layers[depth] = { name: one.name, color: one.color, points: [] };
        layers[depth].points.push(point);
      });
      out.push(...layers);
    });
    return out;
  }

  // Logarithms to begin with where positive values span more than a decade.
  function spans(values) {
    const there = values.filter((v) => v !== null && v > 0).sort((a, b) => a - b);
    return there.length > 2 && there[there.length - 1] / there[0] > 20 &&
      there.length >= 0.9 * values.filter((v) => v !== null).length;
  }
  function begin(name, changed, x, y) {
    const guess = () => {
      byId(name + "-logx").checked = spans(x());
      byId(name + "-logy").checked = spans(y());
    };
    ["y", "x"].forEach((part) => byId(name + "-" + part).addEventListener("change", () => {
      guess();
      changed();
    }));
    ["color", "logx", "logy", "mean"].forEach((part) => {
      const control = byId(name + "-" + part);
      if (control) control.addEventListener("change", changed);
    });
    guess();
    changed();
  }
  if (data.curves) {
    begin("curves", curvesChanged, () => data.curves.x[chosen("curves-x")].rows.flat(),
      () => data.curves.observables[chosen("curves-y")].rows.flat());
  }
  if (data.numbers) {
    begin("numbers", numbersChanged,
      () => {
        const over = chosen("numbers-x");
        return over < axes.length ? axes[over].values || [] : data.numbers.numbers[over - axes.length].values;
      },
      () => data.numbers.numbers[chosen("numbers-y")].values);
  }
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
  });
})();
