"""Formulas set from the font alone: italics, and superscripts and subscripts of one level. That is all
that labels need, and a hundredth of the time that matplotlib's own setting of formulas takes."""

import functools
import re

from matplotlib import font_manager, ft2font

import style

SCRIPT = 0.7  # size of what is raised or lowered
RAISED, LOWERED = 0.36, -0.17  # by these parts of the size
COMMANDS = {
    "lambda": "𝜆", "tau": "𝜏", "varepsilon": "𝜀", "epsilon": "𝜀", "beta": "𝛽", "varphi": "𝜑",
    "sigma": "𝜎", "eta": "𝜂", "kappa": "𝜅", "gamma": "𝛾", "rho": "𝜌", "nabla": "∇", "Vert": "‖",
    "langle": "⟨", "rangle": "⟩",
    "infty": "∞", "top": "⊤", "cdots": "⋯", "ell": "ℓ", "pm": "±", "times": " × ", "log": "log",
    ",": " ",
}
OPERATORS = {"=": " = ", "<": " < ", "+": " + ", "-": " − ", "*": "∗", " ": ""}
FORMULA = re.compile(r"(?<!\\)\$([^$]*)(?<!\\)\$")
TOKEN = re.compile(r"\\mathrm\{[^}]*\}|\\[A-Za-z]+|\\.|[_^]|\{(?:[^{}]|\{[^{}]*\})*\}|.")


@functools.cache
def pieces(text):
    """The text as (letters, level) with level 1 of superscripts and -1 of subscripts; None where it
    holds what cannot be set so."""
    out = []
    for k, part in enumerate(FORMULA.split(text)):
        if k % 2 == 0:
            out.append((part.replace(r"\$", "$"), 0))
            continue
        level, first = 0, True
        for token in TOKEN.findall(part):
            if token in "_^":
                level = 1 if token == "^" else -1
                continue
            letters = _letters(token, first or level != 0)
            if letters is None:
                return None
            out.append((letters, level))
            level, first = 0, False
    joined = []
    for letters, level in out:
        if joined and joined[-1][1] == level:
            joined[-1] = (joined[-1][0] + letters, level)
        elif letters:
            joined.append((letters, level))
    return joined


def _letters(token, leads):
    """One token of a formula in letters of the font; a minus that leads is a sign."""
    if token.startswith(r"\mathrm{"):
        return token[8:-1]
    if token.startswith("\\"):
        return COMMANDS.get(token[1:])
    if token.startswith("{"):
        inner = [_letters(t, k == 0) for k, t in enumerate(TOKEN.findall(token[1:-1]))]
        return None if None in inner else "".join(inner)
    if token == "-" and leads:
        return "−"
    if token == "h":
        return "ℎ"
    if token.isascii() and token.isalpha():
        return chr((0x1d434 - ord("A") if token.isupper() else 0x1d44e - ord("a")) + ord(token))
    return OPERATORS.get(token, token)


@functools.cache
def _font():
    font = ft2font.FT2Font(font_manager.findfont(style.FONT))
    font.set_size(100, 72)
    return font


@functools.cache
def _advance(letter):
    return _font().load_char(ord(letter)).linearHoriAdvance / 65536 / 100


@functools.cache
def width(text, size):
    """Inches that a text takes in letters of `size` points."""
    set_so = pieces(text)
    if set_so is None:
        set_so = [(re.sub(r"\\[A-Za-z]+|[${}_^]", "", text), 0)]
    return sum(sum(map(_advance, letters)) * (SCRIPT if level else 1)
               for letters, level in set_so) * size / 72


def wrap(text, size, inches, most):
    """The text in at most so many lines of so many inches; cut with an ellipsis. A word longer than a
    line goes on in the next."""
    lines = [""]
    for word in _parts(re.findall(r"(?:\$[^$]*\$|[^\s$])+", text), size, inches):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width(longer, size) > inches:
            if len(lines) == most:
                while width(lines[-1] + " …", size) > inches and "$" not in lines[-1]:
                    lines[-1] = lines[-1][:-1]
                lines[-1] += " …"
                break
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _parts(words, size, inches):
    """The words, those without a formula in parts that are no longer than a line."""
    for word in words:
        while width(word, size) > inches and "$" not in word:
            length = next(k for k in range(len(word) - 1, 0, -1)
                          if width(word[:k], size) <= inches or k == 1)
            yield word[:length]
            word = word[length:]
        yield word


def put(figure, x, y, text, size, ha="left", name=None, **how):
    """Writes a text on the figure, its baseline at (x, y) in inches from the lower left corner;
    `name` is what its parts are called in an SVG."""
    across, up = figure.get_size_inches()
    set_so = pieces(text)
    if set_so is None or len(set_so) == 1 and set_so[0][1] == 0:
        text = text if set_so is None else set_so[0][0].replace("$", r"\$")
        figure.text(x / across, y / up, text, fontsize=size, ha=ha, va="baseline", gid=name, **how)
        return
    x -= {"left": 0.0, "center": 0.5, "right": 1.0}[ha] * width(text, size)
    for letters, level in set_so:
        scale = SCRIPT if level else 1.0
        bare = letters.strip()
        lead = sum(map(_advance, letters[:len(letters) - len(letters.lstrip())]))
        shift = {1: RAISED, 0: 0.0, -1: LOWERED}[level] * size / 72
        if bare:
            figure.text((x + lead * scale * size / 72) / across, (y + shift) / up,
                        bare.replace("$", r"\$"), fontsize=size * scale, ha="left", va="baseline",
                        gid=name and (f"{name}-script" if level else name), **how)
        x += sum(map(_advance, letters)) * scale * size / 72
