"""Least squares by damped Gauss-Newton steps, some parameters held at their limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray

ROUNDS = 40
"""Bounds the time of a fit that does not converge."""
LARGEST_DAMPINGS = 7
"""A step shortened that often which still makes it worse leads nowhere."""
SETTLED = 0.05
"""Change of chi squared that ends the search."""


class Fit(Protocol):
    """A fit that can be judged."""

    @property
    def misfit(self) -> float:
        """Chi squared, all priors included."""


AnyFit = TypeVar("AnyFit", bound=Fit)


def damped_steps(
    start: AnyFit,
    normal_of: Callable[[AnyFit], tuple[FloatArray, FloatArray]],
    held_of: Callable[[AnyFit, FloatArray], BoolArray],
    moved: Callable[[AnyFit, FloatArray], AnyFit],
    largest_step: float,
) -> AnyFit:
    """Step until chi squared stands still.

    Parameters
    ----------
    start : Fit
        Where to begin.
    normal_of : callable
        Normal matrix, shape (n, n), and right-hand side, shape (n,), of a step from a fit.
    held_of : callable
        Parameters that stay as they are, shape (n,), for a fit and its right-hand side.
    moved : callable
        The fit a step further, within its limits.
    largest_step : float
        Of any parameter.

    Returns
    -------
    Fit
        The best that was reached; `start` if no step is better.
    """
    fit, damping = start, 1.0
    for _ in range(ROUNDS):
        normal, right = normal_of(fit)
        free = np.flatnonzero(~held_of(fit, right))
        for _ in range(LARGEST_DAMPINGS):
            scaled = normal + damping * 1e-3 * np.diag(np.diag(normal))
            step = np.zeros(right.size)
            step[free] = np.linalg.solve(scaled[np.ix_(free, free)], right[free])
            fresh = moved(fit, np.clip(step, -largest_step, largest_step))
            if fresh.misfit < fit.misfit:
                break
            damping *= 10.0
        else:
            break
        gained, fit, damping = fit.misfit - fresh.misfit, fresh, max(damping / 10.0, 1e-3)
        if gained < SETTLED:
            break
    return fit
