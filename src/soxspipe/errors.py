"""Every exception that the package raises on purpose.

The command line turns them into one line and an exit status; `exit_code` says which.
"""

from __future__ import annotations

from typing import ClassVar, Self


class SoxspipeError(Exception):
    """Base of all exceptions raised on purpose."""

    exit_code: ClassVar[int] = 1


class InputError(SoxspipeError, TypeError):
    """The files given do not suit the recipe.

    Also a `TypeError`, which is what callers of the recipe page's `verify_input_frames` expect.
    """

    exit_code: ClassVar[int] = 2


FETCH_AGAIN = "if it is still being written, wait; else copy or download it again"
"""What to do about a file that is cut short or damaged."""


class MissingInputError(InputError, FileNotFoundError):
    """A file or a required kind of file is not there."""


class SettingsError(SoxspipeError, ValueError):
    """A setting has the wrong type or lies outside its range."""

    exit_code: ClassVar[int] = 2


class AlgorithmError(SoxspipeError):
    """The data cannot support the measurement; the numbers that show it are attributes."""

    def about(self, data: str) -> Self:
        """The same error; its message begins with the data it speaks of."""
        self.args = (f"{data}: {self}", *self.args[1:])
        return self


class NoOrderLeftError(AlgorithmError):
    """A step failed in every order."""

    def __init__(self, step: str, failures: dict[int, str]) -> None:
        detail = "; ".join(f"order {order}: {reason}" for order, reason in list(failures.items())[:3])
        super().__init__(f"{step} failed in every order ({detail})")
        self.step = step
        self.failures = failures


class ResponseError(AlgorithmError):
    """The standard star does not constrain a response."""


class ProductError(SoxspipeError):
    """A product could not be written; what was on disk before is untouched."""


class ProductExistsError(ProductError, FileExistsError):
    """The product is on disk already and overwriting was not asked for."""

    exit_code: ClassVar[int] = 0
