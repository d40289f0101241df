#!/usr/bin/python3
"""Writes the 1797 digits of 8 x 8 pixels that scikit-learn ships (Debian: python3-sklearn) as the
files that the configs beside this script take: each fifth digit is for testing.

    write_data.py [FOLDER]      (default: data beside this script)
"""

import pathlib
import sys

import numpy as np

try:
    from sklearn.datasets import load_digits
except ImportError:
    sys.exit("write_data.py: no scikit-learn; Debian's package is python3-sklearn")


def main():
    default = pathlib.Path(__file__).resolve().parent / "data"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    inputs = digits.data / 16.0  # grey values 0 to 16
    test = np.arange(len(inputs)) % 5 == 4
    for name, chosen in (("train", ~test), ("test", test)):
        np.save(folder / f"{name}_inputs.npy", inputs[chosen])
        np.save(folder / f"{name}_labels.npy", digits.target[chosen].astype(float))
        print(f"{folder / name}_inputs.npy, _labels.npy: {chosen.sum()} digits")


if __name__ == "__main__":
    main()
