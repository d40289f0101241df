"""Where an axis has its ticks and what stands at them: plain numbers, never a factor or an offset
that is written elsewhere. Logarithmic axes have unlabelled ticks of unequal distance between the
labelled ones, linear axes have none."""

import math

FEWEST_DECADES = 2  # powers of ten on an axis that are enough to tell its scale
MOST_UNLABELLED = 30  # ticks at powers of ten
MOST_DIVIDED_DECADES = 9  # on an axis of more, unlabelled ticks stand at the powers of ten alone


def tex(value):
    """A number in a label or legend: 0.5, 200, $10^{5}$, $3\\times10^{-4}$."""
    if value == 0 or not math.isfinite(value) or 1e-2 <= abs(value) < 1e4:
        return f"{value:g}"
    mantissa, exponent = f"{value:.3e}".split("e")
    mantissa = f"{float(mantissa):g}"
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if mantissa == "1" else f"${mantissa}\\times{power}$"


def power_of_ten(value):
    """$10^{-2}$ of 0.01; None of what is no power of ten."""
    if not value > 0 or not math.isfinite(value):
        return None
    exponent = round(math.log10(value))
    return f"$10^{{{exponent}}}$" if abs(value / 10.0**exponent - 1) < 1e-9 else None


def linear(low, high, most):
    """At most `most` round numbers in [low, high], and the texts at them."""
    span = high - low
    if not span > 0:
        return [low], [tex(low)]
    power = 10.0 ** math.floor(math.log10(span / most))
    for step in (power * factor for factor in (1, 2, 2.5, 5, 10, 20, 25, 50)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    places = [k * step for k in range(first, last + 1)]
    return places, linear_texts(places, step)


def linear_texts(places, step):
    """Each number in full, with the digits that a step has, or with its own power of ten."""
    largest = max(map(abs, places), default=0)
    plain = 1e-3 <= largest < 1e5
    powers = {math.floor(math.log10(abs(place)) + 1e-9) for place in places if abs(place) > 1e-9 * step}
    alike = len(powers) == 1  # then all have as many digits
    texts = []
    for place in places:
        if abs(place) < 1e-9 * step:
            texts.append("0")
            continue
        power = 0 if plain else math.floor(math.log10(abs(place)) + 1e-9)
        number = f"{place / 10.0**power:.{_digits(step / 10.0**power)}f}"
        if not plain:
            if not alike and "." in number:
                number = number.rstrip("0").rstrip(".")
            number = f"$10^{{{power}}}$" if number == "1" else f"${number}\\times10^{{{power}}}$"
        texts.append(number if not plain else number.replace("-", "\N{MINUS SIGN}"))
    return texts


def _digits(step):
    """Digits after the point that multiples of a step have."""
    return next((d for d in range(15) if abs(round(step, d) - step) < 1e-6 * step), 15)


def whole_decades(low, high):
    """First and last k with 10^k in [low, high]; the last is below the first where there is none."""
    return math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)


def within_decades(low, high, most=5):
    """Round numbers on a logarithmic axis too short for powers of ten alone."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    chosen = []
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), range(1, 10)):
        places = [d * 10.0**k for k in range(first, last + 1) for d in digits
                  if low * (1 - 1e-9) <= d * 10.0**k <= high * (1 + 1e-9)]
        if len(places) > most and len(chosen) >= 2:
            break
        chosen = places
    return chosen if len(chosen) >= 2 else linear(low, high, most)[0]


def logarithmic(low, high, most):
    """(labelled places, their texts, unlabelled places) of a logarithmic axis."""
    first, last = whole_decades(low, high)
    if last - first + 1 < FEWEST_DECADES:
        places = within_decades(low, high, most)
        return places, [tex(place) for place in places], _between(low, high, first - 1, last + 1)
    every = math.ceil((last - first + 1) / most)
    # Round exponents where there are too many for all of them.
    every = next(s for s in (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500) if s >= every)
    labelled = [k for k in range(first, last + 1) if k % every == 0]
    if len(labelled) < 2:
        labelled = [first, last]
    others = (_between(low, high, first - 1, last + 1) if last - first + 1 <= MOST_DIVIDED_DECADES
              else _powers(first, last))
    return [10.0**k for k in labelled], [f"$10^{{{k}}}$" for k in labelled], others


def _powers(first, last):
    """Powers of ten that unlabelled ticks tell apart."""
    every = next(s for s in (1, 2, 5, 10, 20, 50) if s * MOST_UNLABELLED > last - first or s == 50)
    return [10.0**k for k in range(first, last + 1) if k % every == 0]


def _between(low, high, first, last):
    return [d * 10.0**k for k in range(first, last + 1) for d in range(1, 10)
            if low <= d * 10.0**k <= high]


def symmetric(low, high, threshold, most):
    """The same of an axis that is linear within the threshold and logarithmic beyond it, on one
    side of 0 or on both. What is to be kept where labels have no room comes first: 0, the outermost."""
    labelled, texts, others = ([0.0], ["0"], []) if low <= 0 <= high else ([], [], [])
    sides = [(sign, end) for sign, end in ((-1, -low), (1, high)) if end > threshold]
    for sign, end in sides:
        first, last = whole_decades(threshold, end)
        divided = (last - first + 1) * len(sides) <= MOST_DIVIDED_DECADES
        room = max(1, (most - 1) // len(sides))
        every = max(1, math.ceil((last - first + 1) / room))
        for k in range(last, first - 1, -every):  # the outermost is the one to be read
            labelled.append(sign * 10.0**k)
            texts.append(f"${'-' if sign < 0 else ''}10^{{{k}}}$")
        others += [sign * place for place in (
            _between(threshold, end, first - 1, last + 1) if divided
            else _powers(first, last))]
    return labelled, texts, others
