"""Errors that state what was found, where, and what was expected, and end in a hint that solves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


class AftercartError(Exception):
    """Base of every error raised on purpose; `exit_code` is what the command line returns."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}\nHint: {hint}" if hint else message)


class UsageError(AftercartError):
    """The call itself cannot be answered: an unknown name, a missing folder, a folder that is not ours."""


class FrameError(AftercartError):
    """A data frame handed to a criterion does not have the columns, types or values it needs."""


class StudyError(AftercartError):
    """A study cannot be read at all (no tables, no `study.toml`); bad cells are problems, not errors."""

    exit_code = 1


class SourceError(StudyError):
    """A foreign source cannot be imported at all; `problems` lists why, one row each, and nothing is written."""

    def __init__(self, message: str, problems: pl.DataFrame, *, hint: str = "") -> None:
        self.problems = problems
        super().__init__(message, hint=hint or "the problems listed say what was found and how to mend it.")


class ExportError(AftercartError):
    """A value does not fit the standard it is to be written in; nothing is cut and nothing is written."""

    exit_code = 1


class CaseFileError(AftercartError):
    """A worked-case file does not follow the schema."""


class MissingExtraError(AftercartError):
    """An optional dependency is needed for what was asked."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed.",
            hint=f"install it with: pip install 'aftercart[{extra}]'",
        )
