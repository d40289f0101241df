"""What things are called in a picture: long names with the symbols of the papers, and what kind of
quantity a name stands for."""

import re

import style

# Of the axes of studies and of a result's dimensions, after their names.
AXES = {
    "weight_decay": r"$\lambda$", "epsilon": r"$\varepsilon$", "width": "$m$", "dimension": "$d$",
    "samples": "$n$", "step": r"$\eta$", "temperature": "$T$", "depth": "$L$", "time": "$t$",
    "slow_time": r"$\tau$",
}
# What is said shorter than a long name says it.
LABELS = {
    "2-norm of the parameters": r"norm $\Vert w\Vert$",
    "singular values of the outputs above 1e-3 of the targets' largest": "rank",
    "F(w) + lambda/2 |w|^2": r"regularised loss $F+\lambda\Vert w\Vert^2/2$",
    "F + lambda/2 sum_l layer_cost": "loss in the activations",
    "Tr[K_l (K^s_{l-1})^+]": "costs of the layers",
    "A = 2 Z_l (K^s_{l-1})^+": "attraction $A$",
    "|A - (B + c) P| / |A| of attraction": "force defect $|A-(B+c)P|/|A|$",
    "B, along which the next layer's cost pushes Z_l": "repulsion $B$",
    "c, which keeps what the next layer needs in the span of sigma(Z_l)": "constraint force $c$",
    "1/2 of the loop integral of |w|^2 d lambda": "hysteresis area",
    "2-norm of beta": r"norm $\Vert\beta\Vert$",
    "l1 norm of the effective vector beta": r"$\ell_1$ norm $\Vert\beta\Vert_1$",
    "2-norm of the gradient of F + lambda/2 |w|^2":
        r"gradient norm $\Vert\nabla F + \lambda w\Vert$",
    "leading (1, 2, ...) and trailing (..., -2, -1) eigenvalues of hess F + lambda":
        r"eigenvalues of $\nabla^2 F + \lambda$",
    "largest ratio of an eigenvalue of hess F + lambda to the largest |.| below it":
        "gap between fast and slow modes",
    "number of modes above the largest gap": "number of fast modes",
    "population risk 1/2 E (y - f)^2": "population risk $R$",
    "population risk 1/2 E (y - f)^2 of the reduced system": "population risk $R$",
    "component (phi_k - sigma_k M_k)^2/2 of the risk": "components $C_k$ of the risk",
    "sum over layers of |W_{l+1}^T W_{l+1} - W_l W_l^T|_F": "imbalance of the layers",
    "u_i . W_L ... W_1 v_i in the singular vectors u_i": r"mode strengths $u_i^\top W_L\cdots W_1v_i$",
    "margin min_i y_i <x_i, beta>/phi_inf(beta) over the largest that is possible": "margin ratio",
    "time at which the training error is below measure.fit_threshold times its start":
        r"time of the fit $t_{\mathrm{fit}}$",
    "time at which the test error": "time of the plateau",
    "test error at plateau_time": "test error on the plateau",
    "time at which the test error is halfway between plateau and end":
        r"time of the jump $t_{\mathrm{grok}}$",
    "lambda times grok_time": r"slow time of the jump $\lambda t_{\mathrm{grok}}$",
    "first time at which component k of the risk is half of its initial value":
        r"half times $t_k$ of the components",
    "number of leading degrees learnt in the canonical order":
        "degrees learnt in the canonical order",
    "time from which on the angle is at most 1e-3 rad (NaN: never)":
        "place on the time axis of settling within 1e-3 rad",
    "log10 t at settled_time": r"$\log_{10}t$ of settling within 1e-3 rad",
}
# How long names say in letters what the papers say in symbols. Longer ones first.
FORMULAS = [(re.compile(pattern), symbol) for pattern, symbol in (
    (r"\(phi_k - sigma_k M_k\)\^2/2", r"$(\\varphi_k-\\sigma_kM_k)^2/2$"),
    (r"\|W_\{l\+1\}\^T W_\{l\+1\} - W_l W_l\^T\|_F",
     r"$\\Vert W_{l+1}^\\top W_{l+1}-W_lW_l^\\top\\Vert_F$"),
    (r"\b1/2 E \(y - f\)\^2", r"$E(y-f)^2/2$"),
    (r"\bf\(X\)/sqrt\(n\)", "$f(X)/\N{SQUARE ROOT}n$"), (r"-l'\(z_i\)/L\b", r"$-l'(z_i)/L$"),
    (r"\br_ij - s_i s_j\b", "$r_{ij}-s_is_j$"), (r"\bi < j\b", "$i<j$"),
    (r"<x_i, beta>", r"$\\langle x_i,\\beta\\rangle$"), (r"1/\|beta\|", r"$1/\\Vert\\beta\\Vert$"),
    (r"\bu_i v_i\b", "$u_iv_i$"), (r"\bT\*", "$T^*$"), (r"\ba\(0\)", "$a(0)$"),
    (r"<=", "\N{LESS-THAN OR EQUAL TO}"),
    (r"\| \|u_i\|\^2 - 1 \|", r"$|\\Vert u_i\\Vert^2-1|$"),
    (r"\blambda/2 \|w\|\^2", r"$\\lambda\\Vert w\\Vert^2/2$"),
    (r"\|([A-Za-z]) ([a-z])\|", r"$\\Vert \1\2\\Vert$"),
    (r"\|w\|\^2", r"$\\Vert w\\Vert^2$"), (r"\|w\|", r"$\\Vert w\\Vert$"),
    (r"\bhess F\b", r"$\\nabla^2 F$"), (r"\bgrad F\b", r"$\\nabla F$"),
    (r"\bU V\^T", r"$UV^\\top$"), (r"\bJ J\^T", r"$JJ^\\top$"),
    (r"\bU\^T U - V\^T V", r"$U^\\top U - V^\\top V$"),
    (r"\bF\(w\)", "$F(w)$"), (r"\bW_L \.\.\. W_1\b", r"$W_L\\cdots W_1$"),
    (r"\bphi_inf\b", r"$\\varphi_\\infty$"), (r"\blog10\(1 \+ s\)", r"$\\log_{10}(1+s)$"),
    (r"\blog10\b", r"$\\log_{10}$"), (r"\bbeta\*", r"$\\beta^*$"),
    (r"\b(phi|sigma)_([a-z0-9])\b", r"$\\\1_\2$"), (r"\b([A-Za-z])_([a-z0-9]{1,2})\b", r"$\1_{\2}$"),
    (r"\btau = lambda t\b", r"$\\tau = \\lambda t$"), (r"\blambda t\b", r"$\\lambda t$"),
    (r"\bepsilon\b", r"$\\varepsilon$"), (r"\bphi\b", r"$\\varphi$"),
    (r"\b(lambda|tau|beta|sigma|eta|kappa|gamma)\b", r"$\\\1$"),
    (r"\b([FtwLRPMx])\b(?!['-])", r"$\1$"),
)]


def with_symbols(text):
    """A long name with its formulas in symbols; what is one already is left alone."""
    text = style.plain(text)
    for pattern, symbol in FORMULAS:
        parts = re.split(r"((?<!\\)\$[^$]*(?<!\\)\$)", text)
        parts[::2] = [pattern.sub(symbol, part) for part in parts[::2]]
        text = "".join(parts)
    # \phi is the other letter.
    return text.replace(r"\phi_", r"\varphi_")


def first_clause(text):
    """A long name up to where it begins to explain itself."""
    depth = 0
    for k, letter in enumerate(text):
        # "i < j" opens nothing, "<u_i, u*>" does.
        depth += letter in "([" or (letter == "<" and text[k + 1:k + 2] != " ")
        depth -= letter in ")]" or (letter == ">" and text[k - 1:k] != " ")
        if depth <= 0 and letter in ",;:" and k >= 3 and text[k + 1:k + 2] in (" ", ""):
            text = text[:k]
            break
    return re.sub(r" \([^()]{15,}\)$", "", text)


def label(name, long_name):
    """What stands above a panel: the long name with its symbols, up to where it explains itself."""
    text = first_clause(long_name if long_name != name else spaced(name))
    if text in LABELS:
        return LABELS[text]
    return with_symbols(re.sub(r"^(.{5,}?) = .*", r"\1", text))


def spaced(name):
    return name.removesuffix("_snapshot").replace("_", " ")


def axis_label(name, long_name):
    """What stands at an axis. The long name of a study's axis is its key in the config."""
    if long_name == name or "." in long_name or long_name[:1].isdigit():
        symbol = AXES.get(name, "")
        return style.plain(spaced(name)) + (f" {symbol}" if symbol else "")
    return with_symbols(first_clause(long_name))


def axis_symbol(name):
    """The symbol of an axis, or its name."""
    return AXES.get(name, style.plain(spaced(name)))


LOSSES = ("loss", "error", "risk")
DEFECTS = ("defect", "residual", "imbalance")
DIFFERENCES = ("gradient", "distance")
EIGENVALUES = ("eigenvalue", "spectrum")


def is_logarithm(name):
    return name.startswith("log10")


def is_loss(name):
    """Of the size of a square, and compared over decades."""
    return (not is_logarithm(name) and not is_defect(name)
            and any(word in name for word in LOSSES) and not name.endswith("_exponent_error"))


def is_defect(name):
    """0 in exact arithmetic, or on its way there."""
    return any(word in name for word in DEFECTS)


def is_difference(name):
    """Small where what is much larger cancels: a gradient, or how far it still is to a limit."""
    return any(word in name for word in DIFFERENCES)


def is_accuracy(name):
    return "accuracy" in name


def is_eigenvalue(name):
    return any(word in name for word in EIGENVALUES)


def is_time(name):
    return "time" in name
