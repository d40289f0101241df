"""A slow model of the rules by which a [study] has its points: random tables with what they come to."""

import json

import numpy as np
from scipy.stats import qmc

from program import MODEL

LINEAR, DIAGONAL = "linear_regression", "diagonal_linear_network"


def sobol(keys, count):
    sequence = qmc.Sobol(keys, scramble=False)
    sequence.fast_forward(1)
    return sequence.random(count)


def placed(kind, first, last, u, whole):
    """Where a draw u of (0, 1) stands between the bounds."""
    if whole:
        x = first * ((last + 1) / first) ** u if kind == "log" else first + (last + 1 - first) * u
        return min(max(int(np.floor(x)), first), last)
    return first * (last / first) ** u if kind == "log" else first + (last - first) * u


class Table:
    """A random [study] as text, and its dimensions: [(name, {coordinate: values})]."""

    REALS = {"flow.weight_decay": [1e-4, 1e-3, 1e-2, 1e-1], "solver.rtol": [1e-5, 1e-6, 1e-7],
             "solver.atol": [1e-8, 1e-9, 1e-10], "model.noise_variance": [0.0, 0.1, 0.5]}
    WHOLES = {"model.samples": [2, 3, 4], "model.dimension": [3, 4, 5], "seed": [0, 1, 5],
              "init_seed": [1, 2]}

    # Text, value from those of other keys, and these keys.
    EXPRESSIONS = {
        "time.end": ("= 0.3 + 10 * flow.weight_decay + min(seed, 3) / 10",
                     lambda decay, seed: 0.3 + 10 * decay + min(seed, 3) / 10,
                     ["flow.weight_decay", "seed"]),
        "time.first": ("= time.end / 100", lambda end: end / 100, ["time.end"]),
        "model.test_samples": ("= 2 * model.samples + model.dimension^2",
                               lambda samples, dimension: 2 * samples + dimension**2,
                               ["model.samples", "model.dimension"]),
        "model.initial_variance": ("= seed > 0 && time.end > 0.4 ? 0.5 : 1 + flow.weight_decay",
                                   lambda seed, end, decay:
                                   0.5 if seed > 0 and end > 0.4 else 1 + decay,
                                   ["seed", "time.end", "flow.weight_decay"])}
    DEFAULTS = {"flow.weight_decay": 0.0, "seed": 0, "model.samples": 3, "model.dimension": 4,
                "time.end": 0.5}

    def __init__(self, draw):
        free = list({**self.REALS, **self.WHOLES}.items())
        draw.shuffle(free)
        axes, groups, self.dimensions, self.variants = [], [], [], {}
        self.expressions = draw.sample(list(self.EXPRESSIONS), draw.choice([0, 0, 1, 2, 3]))
        for _ in range(draw.randint(0, 2)):
            key, values = free.pop()
            values = sorted(draw.sample(values, 2))
            axes.append(f"{json.dumps(key)} = {json.dumps(values)}\n")
            self.dimensions.append((self.name(key), {self.name(key): values}))
        order = draw.sample(["zip", "sobol", "variant"], 3)
        kinds = sorted(draw.choices(order, k=draw.randint(1, 2)), key=order.index)
        # Groups of a kind stand together, as the tables of a file do.
        for number, kind in enumerate(kinds):
            keys = [free.pop() for _ in range(draw.randint(1, 2))]
            groups.append(getattr(self, kind)(draw, f"g{number}", keys))
        self.text = "[study]\n" + "".join(axes) + "".join(groups)
        sections = {"model": MODEL, "time": "[time]\nsamples = 2\n"}
        if "time.end" not in self.expressions:
            sections["time"] += "end = 0.5\n"
        for key in self.expressions:
            section, last = key.split(".")
            sections[section] += f"{last} = {json.dumps(self.EXPRESSIONS[key][0])}\n"
        self.config = "".join(sections.values()) + self.text

    @staticmethod
    def name(key):
        return key.split(".")[-1]

    def zip(self, draw, name, keys):
        length = draw.randint(1, 3)
        columns = {key: [draw.choice(values) for _ in range(length)] for key, values in keys}
        self.dimensions.append((name, {self.name(key): column for key, column in columns.items()}))
        return f"[study.zip.{name}]\n" + "".join(
            f"{json.dumps(key)} = {json.dumps(column)}\n" for key, column in columns.items())

    def variant(self, draw, name, keys):
        """Two of them, told apart by the first key; the second may have a model of its own, and
        one of them an expression."""
        names = [f"v{draw.randint(0, 9)}", "w"]
        places = [{key: values[k] for key, values in keys if k == 0 or draw.random() < 0.7}
                  for k in range(2)]
        places[1][keys[0][0]] = keys[0][1][1]
        others = [key for key in self.EXPRESSIONS if key not in self.expressions
                  and not any(key in one for group in self.variants.values() for one in group)]
        if others and draw.random() < 0.4:
            key = draw.choice(others)
            places[draw.randint(0, 1)][key] = self.EXPRESSIONS[key][0]
        elif "time.end" not in others and draw.random() < 0.4 and not self.variants:
            places[1]["time.end"] = 0.7
        if not any("model.name" in place for group in self.variants.values() for place in group) \
                and draw.random() < 0.4:
            places[1]["model.name"] = DIAGONAL
            places[1].pop("model.noise_variance", None)
        self.variants[name] = places
        self.dimensions.append((name, {name: names}))
        return "".join(
            f"[study.variant.{name}.{one}]\n" + "".join(
                f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in place.items())
            for one, place in zip(names, places))

    # The slow model: a point's values, one by one.

    def model(self, place):
        for group, places in self.variants.items():
            if any("model.name" in one for one in places):
                return places[place[group]].get("model.name", LINEAR)
        return LINEAR

    def given(self, key, place, columns):
        """A key's value at {dimension: place}; `columns` holds those of axes, zips and draws."""
        for group, places in self.variants.items():
            if key in places[place[group]]:
                return places[place[group]][key]
        if key in columns:
            name, values = columns[key]
            return values[place[name]]
        return self.EXPRESSIONS[key][0] if key in self.expressions else self.DEFAULTS.get(key)

    def value(self, key, place, columns):
        value = self.given(key, place, columns)
        if isinstance(value, str) and value.startswith("="):
            _, formula, sources = self.EXPRESSIONS[key]
            return formula(*(self.value(source, place, columns) for source in sources))
        return value

    def depends(self, key, columns):
        """The dimensions that an expression's values are over."""
        names = {columns[key][0]} if key in columns else set()
        names |= {group for group, places in self.variants.items()
                  if any(key in one for one in places)}
        if key in self.worked_out():
            for source in self.EXPRESSIONS[key][2]:
                names |= self.depends(source, columns)
        return names

    def worked_out(self):
        return {*self.expressions, *(key for places in self.variants.values() for one in places
                                     for key in one if key in self.EXPRESSIONS)}

    def sobol(self, draw, name, keys):
        count = draw.randint(1, 3)
        u = sobol(len(keys), count)
        text, columns = f"[study.sobol.{name}]\ncount = {count}\n", {}
        for k, (key, values) in enumerate(keys):
            kind = draw.choice(["log", "linear"] if min(values) > 0 else ["linear"])
            first, last = min(values), max(values)
            text += f"{json.dumps(key)} = {{ {kind} = [{first!r}, {last!r}] }}\n"
            columns[self.name(key)] = [placed(kind, first, last, x, key in self.WHOLES)
                                       for x in u[:, k]]
        self.dimensions.append((name, columns))
        return text
