#!/usr/bin/python3
"""The peers in Python, on the data that gradflow_bench left: SciPy's stiff solvers with analytic
Jacobians, diffrax's Kvaerno5 (compiled, with its own Jacobians), and gradient descent in NumPy and in
PyTorch.

    peers.py RESULTS [--only completion,tanh_600] [--cap SECONDS] [--repeat N] [--quick]

One thread (OPENBLAS_NUM_THREADS=1), processor seconds, rows in RESULTS/peers_PROBLEM.csv. Peers
that are not installed have a row that says so.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import csv
import glob
import importlib.metadata
import importlib.util
import multiprocessing
import resource
import time

try:
    import numpy as np
except ImportError:
    np = None  # without it the data cannot be read: all of these peers are skipped
try:
    import scipy
    from scipy.integrate import solve_ivp
except ImportError:
    scipy = None


class Capped(Exception):
    pass


def blas():
    """The library behind NumPy's products, as the loader found it."""
    with open("/proc/self/maps") as maps:
        found = {os.path.basename(os.path.realpath(line.split()[-1]))
                 for line in maps if "blas" in line and "/" in line}
    library = sorted(name for name in found if "openblas" in name) or sorted(found)
    paths = {line.split()[-1] for line in open("/proc/self/maps")
             if "openblas" in line or "libblas" in line}
    kind = "OpenBLAS" if any("openblas" in path for path in paths) else "reference or other"
    return f"{kind} ({', '.join(library)})"


class Completion:
    """F = sum over observed (i, j) of ((U V^T)_ij - M_ij)^2, with weight decay."""

    rank = 10

    def __init__(self, folder, decay):
        self.decay = decay
        size = int(round(np.load(f"{folder}/target.npy").size ** 0.5))
        self.target = np.load(f"{folder}/target.npy").reshape(size, size)
        self.mask = np.load(f"{folder}/mask.npy").reshape(size, size)
        self.size = size
        self.i, self.j = np.nonzero(self.mask)

    def split(self, w):
        half = self.size * self.rank
        return w[:half].reshape(-1, self.rank), w[half:].reshape(-1, self.rank)

    def rhs(self, t, w, xp=np):
        U, V = self.split(w)
        R = self.mask * (U @ V.T - self.target)
        return -xp.concatenate(((2 * (R @ V)).ravel(), (2 * (R.T @ U)).ravel())) - self.decay * w

    def jacobian(self, t, w):
        U, V = self.split(w)
        n, r, p = len(self.i), self.rank, w.size
        J = np.zeros((n, 2 * self.size, r))
        J[np.arange(n), self.i] = V[self.j]
        J[np.arange(n), self.size + self.j] = U[self.i]
        J = J.reshape(n, p)
        H = 2 * J.T @ J
        residual = 2 * ((U @ V.T - self.target)[self.i, self.j])
        view = H.reshape(2 * self.size, r, 2 * self.size, r)
        for k in range(r):
            view[self.i, k, self.size + self.j, k] += residual
            view[self.size + self.j, k, self.i, k] += residual
        return -H - self.decay * np.eye(p)


class Tanh:
    """F = 1/(2n) |f - y|^2, f = sum_k a_k tanh(w_k x + b_k) / sqrt(m), state (w, b, a)."""

    def __init__(self, folder, decay):
        self.decay = decay
        self.x, self.y = np.load(f"{folder}/point.npy"), np.load(f"{folder}/target.npy")

    def rhs(self, t, p, xp=np):
        w, b, a = p.reshape(3, -1)
        s = xp.tanh(xp.outer(self.x, w) + b)
        c = 1 / np.sqrt(len(a))
        r = (c * (s @ a) - self.y) / len(self.y)
        g = c * r[:, None] * (1 - s * s) * a
        return -xp.concatenate((self.x @ g, g.sum(0), c * (r @ s))) - self.decay * p

    def jacobian(self, t, p):
        w, b, a = p.reshape(3, -1)
        m, n, x = len(a), len(self.y), self.x
        s = np.tanh(np.outer(x, w) + b)
        c, d1 = 1 / np.sqrt(m), 1 - s * s
        d2 = -2 * s * d1
        r = (c * (s @ a) - self.y) / n
        g = c * d1 * a
        J = np.concatenate((x[:, None] * g, g, c * s), axis=1)
        H = J.T @ J / n
        curved = c * r[:, None] * d2 * a
        slope = c * r[:, None] * d1
        i = np.arange(m)
        H[i, i] += x * x @ curved
        H[i, m + i] += x @ curved
        H[m + i, i] += x @ curved
        H[m + i, m + i] += curved.sum(0)
        for block, values in ((0, x @ slope), (m, slope.sum(0))):
            H[block + i, 2 * m + i] += values
            H[2 * m + i, block + i] += values
        return -H - self.decay * np.eye(3 * m)


class MeanField:
    """epsilon a' = P(s), s' = a (1 - s^2) P'(s), P = sum_k sigma_k (phi_k - sigma_k M_k) s^k."""

    def __init__(self, folder, epsilon):
        self.epsilon = epsilon
        self.phi = np.load(f"{folder}/target_coefficient.npy")
        self.sigma = np.load(f"{folder}/activation_coefficient.npy")
        self.k = np.arange(len(self.phi))

    def moments(self, y, xp=np):
        a, s = y.reshape(2, -1)
        powers = xp.vander(s, len(self.phi), increasing=True)
        return a, s, powers, self.sigma * (self.phi - self.sigma * (a @ powers) / len(a))

    def rhs(self, t, y, xp=np):
        a, s, powers, g = self.moments(y, xp)
        slope = powers[:, :-1] @ (self.k[1:] * g[1:])
        return xp.concatenate((powers @ g / self.epsilon, a * (1 - s * s) * slope))

    def jacobian(self, t, y):
        a, s, powers, g = self.moments(y)
        m, k = len(a), self.k
        slope = powers[:, :-1] @ (k[1:] * g[1:])
        bend = powers[:, :-2] @ (k[2:] * (k[2:] - 1) * g[2:])
        dpowers = np.zeros_like(powers)
        dpowers[:, 1:] = k[1:] * powers[:, :-1]
        weight = -self.sigma**2 / m  # dg_k / dM_k, with M's mean
        left = np.concatenate((powers / self.epsilon, (a * (1 - s * s))[:, None] * dpowers))
        right = np.concatenate((powers, a[:, None] * dpowers))
        J = (left * weight) @ right.T
        i = np.arange(m)
        J[i, m + i] += slope / self.epsilon
        J[m + i, i] += (1 - s * s) * slope
        J[m + i, m + i] += a * ((1 - s * s) * bend - 2 * s * slope)
        return J


class Diagonal:
    """F = 1/(2n) |X (u^2 - v^2) - y|^2 on Fourier features, with weight decay."""

    def __init__(self, folder, decay):
        self.decay = decay
        x, self.y = np.load(f"{folder}/point.npy"), np.load(f"{folder}/target.npy")
        frequencies = (np.load(f"{folder}/start.npy").size // 2 - 1) // 2
        phase = 0.5 * np.pi * np.outer(x, np.arange(1, frequencies + 1))
        self.X = np.hstack((np.ones((len(x), 1)), np.cos(phase), np.sin(phase)))

    def rhs(self, t, w, xp=np):
        u, v = w.reshape(2, -1)
        back = self.X.T @ (self.X @ (u * u - v * v) - self.y) / len(self.y)
        return -xp.concatenate((2 * u * back, -2 * v * back)) - self.decay * w

    def jacobian(self, t, w):
        u, v = w.reshape(2, -1)
        back = self.X.T @ (self.X @ (u * u - v * v) - self.y) / len(self.y)
        J = np.hstack((self.X * (2 * u), -self.X * (2 * v)))
        H = J.T @ J / len(self.y)
        H[np.diag_indices_from(H)] += np.concatenate((2 * back, -2 * back)) + self.decay
        return -H


KINDS = {"completion": Completion, "tanh": Tanh, "mean_field": MeanField, "diagonal": Diagonal}


def kind_of(name):
    """The class of a problem by its name, as gradflow_bench gives it: tanh_600, mean_field_1000."""
    return next((kind for start, kind in KINDS.items() if name.startswith(start)), None)


def problem_of(kind, folder):
    decay, epsilon, _ = np.load(f"{folder}/numbers.npy")
    return kind(folder, epsilon if kind is MeanField else decay)


def run(problem, method, start, times, rtol, atol, cap):
    began = time.process_time()
    last = [0.0]

    def rhs(t, y):
        last[0] = t
        if time.process_time() - began > cap:
            raise Capped
        return problem.rhs(t, y)

    def jacobian(t, y):
        last[0] = t
        if time.process_time() - began > cap:
            raise Capped
        return problem.jacobian(t, y)

    try:
        result = solve_ivp(rhs, (0, times[-1]), start, method=method, jac=jacobian, t_eval=times,
                           rtol=rtol, atol=atol)
    except Capped:
        return time.process_time() - began, None, last[0], 0, 0, "cap"
    return (time.process_time() - began, result.y.T if result.success else None,
            times[-1] if result.success else last[0], result.nfev, result.nlu,
            "" if result.success else result.message)


def diffrax_runs(pipe, kind, folder, rtol, cap, repeat):
    """In a process of its own, which the system ends at the cap: a compiled solve cannot be stopped.
    Sends the processor seconds of each run, without compiling, and the last run's states and steps."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    import diffrax
    import jax

    jax.config.update("jax_enable_x64", True)
    problem = problem_of(kind, folder)
    start, times = np.load(f"{folder}/start.npy"), np.load(f"{folder}/times.npy")
    factor = np.load(f"{folder}/numbers.npy")[2]

    def solve(start):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, _: problem.rhs(t, y, jax.numpy)), diffrax.Kvaerno5(),
            0.0, times[-1], None, start, saveat=diffrax.SaveAt(ts=times), max_steps=10**6,
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=factor * rtol), throw=False)

    compiled = jax.jit(solve).lower(start).compile()
    seconds = []
    while len(seconds) < repeat and sum(seconds) < 2:
        began = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(began + cap + 1), resource.RLIM_INFINITY))
        solution = jax.block_until_ready(compiled(start))
        seconds.append(time.process_time() - began)
    good = bool(solution.result == diffrax.RESULTS.successful)
    pipe.send((seconds, np.asarray(solution.ys) if good else None,
               int(solution.stats["num_steps"])))


def diffrax_run(kind, folder, rtol, cap, repeat):
    """(seconds, states or None, steps, note)"""
    context = multiprocessing.get_context("spawn")  # threads of JAX do not outlive a fork
    pipe, end = context.Pipe(duplex=False)
    child = context.Process(target=diffrax_runs, args=(end, kind, folder, rtol, cap, repeat))
    child.start()
    end.close()
    try:
        seconds, states, steps = pipe.recv()
        note = "" if states is not None else "no success"
    except EOFError:
        child.join()
        seconds, states, steps = [cap], None, ""
        note = "cap" if child.exitcode < 0 else "failed"
    return seconds, states, steps, note


def steps_within(cap, steps, step):
    """Calls step() `steps` times or until the cap, looked at every 100; (seconds, calls)."""
    began = time.process_time()
    for done in range(1, steps + 1):
        step()
        if done % 100 == 0 and time.process_time() - began > cap:
            break
    return time.process_time() - began, done


def numpy_descent(problem, start, steps, cap, step=1e-2):
    """Plain steps, two matrix products each; NumPy's small-matrix overhead is most of the time."""
    U, V = (part.copy() for part in problem.split(start))
    shrink = 1 - step * problem.decay

    def descend():
        nonlocal U, V
        R = problem.mask * (U @ V.T - problem.target)
        R *= 2 * step
        U, V = shrink * U - R @ V, shrink * V - R.T @ U

    return steps_within(cap, steps, descend)


def torch_descent(problem, start, steps, cap, step=1e-2):
    import torch

    torch.set_num_threads(1)
    U, V = (torch.tensor(part, dtype=torch.float64, requires_grad=True)
            for part in problem.split(start))
    mask, target = torch.tensor(problem.mask), torch.tensor(problem.target)
    optimizer = torch.optim.SGD([U, V], lr=step, weight_decay=problem.decay)

    def descend():
        optimizer.zero_grad()
        (mask * (U @ V.T - target)).square().sum().backward()
        optimizer.step()

    return steps_within(cap, steps, descend)


def versions():
    """What runs here, and what cannot for want of a package."""
    if np is None:
        return "none, NumPy is not installed"
    solvers = f"SciPy {scipy.__version__}" if scipy else "SciPy is not installed"
    if importlib.util.find_spec("diffrax"):
        solvers += f", diffrax {importlib.metadata.version('diffrax')}"
    return f"NumPy {np.__version__}, {solvers}, BLAS: {blas()}, one thread"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results")
    parser.add_argument("--only", default="")
    parser.add_argument("--methods", default="LSODA,BDF,Radau")
    parser.add_argument("--rtols", default="")
    parser.add_argument("--cap", type=float, default=60)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    ladder = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10]
    if arguments.quick:
        ladder = [1e-4, 1e-6, 1e-8]
    if arguments.rtols:
        ladder = [float(word) for word in arguments.rtols.split(",")]
    about = versions()
    print(about, flush=True)
    with open(f"{arguments.results}/peers.txt", "w") as file:
        file.write(about + "\n")
    for folder in sorted(glob.glob(f"{arguments.results}/data/*/")):
        name = os.path.basename(folder.rstrip("/"))
        if arguments.only and name not in arguments.only.split(","):
            continue
        kind = kind_of(name)
        if kind is None:
            continue
        with open(f"{arguments.results}/peers_{name}.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow("problem,solver,value,rtol,seconds,seconds_median,runs,steps,rhs,"
                          "factorisations,error,error_end,finished,t_end,load,note".split(","))

            def skip(solver, why):
                print(f"{name} {solver}: skipped, {why}", flush=True)
                rows.writerow([name, solver] + [""] * 10 + [0, "", os.getloadavg()[0],
                                                            f"skipped: {why}"])

            methods = [f"scipy_{method}" for method in arguments.methods.split(",")]
            descents = [("numpy_descent", numpy_descent, 20000),
                        ("pytorch_sgd", torch_descent, 3000)] if kind is Completion else []
            if np is None:
                for solver in methods + [solver for solver, _, _ in descents]:
                    skip(solver, "NumPy is not installed")
                continue
            problem = problem_of(kind, folder)
            start, times = np.load(f"{folder}/start.npy"), np.load(f"{folder}/times.npy")
            reference = np.load(f"{folder}/reference.npy")
            factor = np.load(f"{folder}/numbers.npy")[2]
            sizes = np.linalg.norm(reference, axis=1)

            def errors_of(states):
                """(largest, at the end)"""
                if states is None:
                    return "", ""
                errors = np.linalg.norm(states - reference, axis=1) / sizes
                return errors.max(), errors[-1]

            def write(solver, rtol, seconds, steps, rhs, lus, error, end, finished, t, note):
                rows.writerow([name, solver, 0, rtol, min(seconds), sorted(seconds)[len(seconds) // 2],
                               len(seconds), steps, rhs, lus, error, end, int(finished), t,
                               os.getloadavg()[0], note])
                file.flush()
                print(name, solver, f"rtol {rtol:g}  {min(seconds):.3g} s  error {error}", note,
                      flush=True)

            for solver in methods:
                if scipy is None:
                    skip(solver, "SciPy is not installed")
                    continue
                for rtol in ladder:
                    seconds = []
                    while len(seconds) < arguments.repeat and sum(seconds) < 2:
                        spent, states, t, rhs, lus, note = run(
                            problem, solver.removeprefix("scipy_"), start, times, rtol,
                            factor * rtol, arguments.cap)
                        seconds.append(spent)
                    error, end = errors_of(states)
                    write(solver, rtol, seconds, "", rhs, lus, error, end, states is not None, t,
                          note)
                    if states is None:
                        break
            if importlib.util.find_spec("diffrax") is None:
                skip("diffrax_Kvaerno5", "diffrax is not installed")
            else:
                for rtol in ladder:
                    seconds, states, steps, note = diffrax_run(kind, folder, rtol, arguments.cap,
                                                               arguments.repeat)
                    error, end = errors_of(states)
                    write("diffrax_Kvaerno5", rtol, seconds, steps, "", "", error, end,
                          states is not None, "" if states is None else times[-1], note)
                    if states is None:
                        break
            total = round(times[-1] / 1e-2)
            for solver, descent, steps in descents:
                try:
                    runs = [descent(problem, start, steps, arguments.cap)
                            for _ in range(arguments.repeat)]
                except ImportError as missing:
                    skip(solver, missing)
                    continue
                least = min(done for _, done in runs)
                write(solver, 0, [spent * total / done for spent, done in runs], total, total, "",
                      "", "", True, times[-1], f"extrapolated from {least} steps to {total}")


if __name__ == "__main__":
    main()
