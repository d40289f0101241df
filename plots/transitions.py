"""What the figures of the group `transitions` share: deep linear networks in closed form, and sweeps with
their transitions."""

import numpy as np

import style

SEED = 0.05  # of a layer on the way down
UP, DOWN = "-", style.LINE_STYLES[1]


def spinodal(s, depth):
    """The weight decay at which a learnt mode of strength s ends; of two matrices a continuous onset."""
    if depth == 2:
        return s
    return depth / (depth - 2) * (s * (depth - 2) / (2 * (depth - 1)))**(2 * (depth - 1) / depth)


def maxwell(s, depth):
    """Where the learnt and the trivial state of a mode are of one depth."""
    if depth == 2:
        return s
    return s / (depth - 1) * (s * (depth - 2) / (depth - 1))**((depth - 2) / depth)


def relearning(s, depth, seed=SEED):
    """Where a seed of this size a layer learns the mode again on the way down."""
    return (s - seed**depth) * seed**(depth - 2)


def potential(p, s, depth, decay):
    """The regularised loss of one mode, least of all factors with the product p."""
    return 0.5 * (s - p)**2 + 0.5 * depth * decay * np.abs(p)**(2 / depth)


def stationary(s, depth, decay):
    """Strengths p > 0 of the saddle and the minimum, by size; empty past the spinodal."""
    polynomial = np.zeros(2 * depth - 1)  # (s - u^L) u^(L-2) - lambda
    polynomial[0], polynomial[depth], polynomial[-1] = -1, s, -decay
    roots = np.roots(polynomial)
    real = np.sort(roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 1e-9)])
    return real[s - real**depth > 0]**depth


def learnt(s, depth, decay):
    """The strength of a learnt mode; 0 past its end."""
    if depth == 2:
        return max(0.0, s - decay)
    found = stationary(s, depth, decay)
    return found[-1] if found.size else 0.0


def loop_area(singular_values, depth, seed=SEED):
    """1/2 of the loop integral of |w|^2 over the weight decay: the losses that each mode sheds in its two
    jumps, to and from p = 0, where the loss does not depend on the weight decay."""
    if depth == 2:
        return 0.0
    area = 0.0
    for s in singular_values:
        end = s * (depth - 2) / (2 * (depth - 1))
        again = relearning(s, depth, seed)
        area += potential(end, s, depth, spinodal(s, depth))
        area -= potential(learnt(s, depth, again), s, depth, again)
    return area


def norm_squared(sweep, way):
    return sweep["norm"].sel(direction=way).values**2


def found(sweep, way):
    """[(weight decay, order)] of the transitions of one sweep on one way, by size of the key."""
    ways = np.atleast_1d(sweep["transition_direction"].values)
    middles = np.atleast_1d(sweep["transition_low"].values + sweep["transition_high"].values) / 2
    orders = np.atleast_1d(sweep["transition_order"].values)
    wanted = {"up": 0, "down": 1}[way]
    return sorted((float(at), int(order)) for there, at, order in zip(ways, middles, orders)
                  if there == wanted and np.isfinite(at))


def upright(decay, values, jumps):
    """The curve with its jumps upright at the transitions, not aslant between two values."""
    for at, order in sorted(jumps, reverse=True):
        below = int(np.searchsorted(decay, at, side="right")) - 1
        if order != 2 and 0 <= below < decay.size - 1:
            decay = np.insert(decay, below + 1, [at, at])
            values = np.insert(values, below + 1, values[below:below + 2])
    return decay, values


def draw(ax, sweep, values, way, color, label=None, lw=1.3):
    """One way of a sweep."""
    decay = sweep["weight_decay"].values
    ax.plot(*upright(decay, values, found(sweep, way)), ls={"up": UP, "down": DOWN}[way], color=color,
            lw=lw, label=label)


def arrow(ax, tail, head, color=style.BLACK):
    ax.annotate("", head, tail, arrowprops={"arrowstyle": "-|>,head_length=0.45,head_width=0.2",
                                            "lw": 0.8, "color": color, "shrinkA": 0, "shrinkB": 0})
