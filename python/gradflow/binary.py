"""The program: where it is, and one call of it."""

import functools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

from .version import __version__

USAGE, INTERRUPTED = 2, 130  # exit codes; 1: something failed numerically, and is marked
PREFIX = "gradflow: "  # of its messages


class ConfigError(ValueError):
    """What the program says of a config, a folder or an option that it cannot take: a line for each
    thing, the most important first."""


class Failed(RuntimeError):
    """The program is not there, too old, or ended in a way of which nothing is known."""


def path():
    """Where the program is. Raises Failed where it is nowhere."""
    given = os.environ.get("GRADFLOW")
    if given:
        if not os.access(given, os.X_OK) or os.path.isdir(given):
            raise Failed(f"GRADFLOW is {given}, which is no program that can be run")
        return given
    here = pathlib.Path(__file__).resolve()
    built = here.parents[2] / "build" / "gradflow"  # of a source tree
    if (here.parents[2] / "CMakeLists.txt").is_file() and os.access(built, os.X_OK):
        return str(built)
    beside = here.parents[4] / "bin" / "gradflow"  # both installed below one prefix
    if os.access(beside, os.X_OK):
        return str(beside)
    found = shutil.which("gradflow")
    if found is None:
        raise Failed("the program gradflow is not there: neither $GRADFLOW nor build/gradflow of "
                     "this package's source tree nor bin/gradflow of its prefix nor on PATH; build "
                     "or install it, or set GRADFLOW")
    return found


def numbers_of(version):
    return tuple(int(part) for part in version.split(".") if part.isdigit())


@functools.lru_cache(maxsize=None)
def _check_version(program, _changed):
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError as problem:
        raise Failed(f"{program}: cannot be started: {problem.strerror}") from None
    first = done.stdout.partition("\n")[0].split()
    if done.returncode != 0 or first[:2] != ["gradflow", "version"] or len(first) != 3:
        raise Failed(f"{program} is not gradflow: " + (done.stderr.strip() or "unknown answer to "
                                                       "--version"))
    if numbers_of(first[2]) < numbers_of(__version__):
        raise Failed(f"{program} is gradflow {first[2]}, older than this package ({__version__})")


def checked_path():
    """Where the program is, once it is known to be new enough."""
    program = path()
    _check_version(program, os.stat(program).st_mtime_ns)
    return program


class Ended:
    """How a call ended: its code, stdout, and what it said on stderr, line by line."""

    def __init__(self, code, output, said):
        self.code, self.output, self.said = code, output, said

    def errors(self):
        """The lines that name what was wrong."""
        return [line.removeprefix(PREFIX) for line in self.said if line.startswith(PREFIX)]


def _listen(stream, said, show):
    for line in stream:
        line = line.rstrip("\n")
        said.append(line)
        # What was wrong is raised, not printed too.
        if show and not line.startswith(PREFIX):
            print(line, file=sys.stderr, flush=True)


def call(words, text="", show=False):
    """Runs the program with `words` and `text` as its stdin. With `show` its progress and warnings
    go to sys.stderr as they come.

    An interrupt (Ctrl-C, or a notebook's stop) reaches the program, which puts what is done on disk;
    then KeyboardInterrupt goes on. Raises Failed where a signal ended it.
    """
    words = [checked_path(), *words]
    # In a group of its own, so that a terminal's Ctrl-C reaches it once, by us: a second one would
    # end it at once.
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, encoding="utf-8",
                               errors="replace", process_group=0)
    said, output = [], []
    listeners = [
        threading.Thread(target=_listen, args=(process.stderr, said, show), daemon=True),
        threading.Thread(target=lambda: output.append(process.stdout.read()), daemon=True)]
    interrupt = None
    for listener in listeners:
        listener.start()
    while True:
        try:
            if not process.stdin.closed:
                try:
                    process.stdin.write(text)
                    process.stdin.close()
                except BrokenPipeError:  # it ended before it had read all: its message says why
                    pass
            process.wait()
            break
        except KeyboardInterrupt as caught:
            if interrupt is not None:  # a second one: at once
                process.kill()
            interrupt = caught
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
    for listener in listeners:
        listener.join()
    for stream in (process.stdin, process.stdout, process.stderr):
        try:
            stream.close()
        except BrokenPipeError:
            pass
    if interrupt is not None:
        raise KeyboardInterrupt from None
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise Failed(f"gradflow was ended by {name}; what was done is on disk"
                     + "".join(f"\n{line}" for line in said[-3:]))
    return Ended(process.returncode, output[0], said)
