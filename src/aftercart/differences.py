"""One call from two data cuts, or two runs, to what changed between them and because of which row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aftercart.study.model import Study

if TYPE_CHECKING:
    from aftercart.analysis.comparison import Difference, Side

Progress = Callable[[str, int, int], None]


def diff(
    a: Study | str | Path, b: Study | str | Path, *, estimates: bool = True, progress: Progress | None = None
) -> Difference:
    """Say what changed from `a` to `b`: rows, declarations, grades and scores with their causes, estimates.

    a, b: each a study, its folder, or the folder that an earlier `aftercart assess` or `aftercart report` wrote (the
    rules of then against those of now). estimates: whether to compare estimates as well, which takes longer. progress:
    called with the criterion that is run, its number and how many there are.

    Every assessment that moved has its causes: the changed rows that it rests on, the result that it is bound to, the
    declaration or the version that moves it. Comparing `b` to `a` gives the mirror image, and the order of rows is
    never a difference. Raises `UsageError` for a folder that is neither a study nor results, and as `aftercart.read`.

    >>> import aftercart as ac
    >>> cohort = ac.reference_cohort()
    >>> ac.diff(cohort, cohort, estimates=False).nothing_changed
    True
    """
    from aftercart.analysis.comparison import compare

    one, other = _loaded(a), _loaded(b)
    before = _side(one, other, estimates=estimates, progress=progress)
    after = before if one is other else _side(other, one, estimates=estimates, progress=progress)
    return compare(before, after)


def earlier(given: str | Path, study: Study) -> Study | Side:
    """What a report of a study is compared with: an earlier study, or what an earlier run wrote.

    given: a folder of either kind. Raises `UsageError` for a folder that is neither, and as `aftercart.read`.
    """
    found = _loaded(given)
    return found if isinstance(found, Study) else _side(found, study, estimates=True, progress=None)


def _loaded(given: Study | str | Path) -> Study | Path:
    """A study, or the folder of an earlier run."""
    if isinstance(given, Study):
        return given
    from aftercart.analysis.comparison import is_saved
    from aftercart.sources import read

    folder = Path(given)
    return folder if is_saved(folder) else read(folder)


def _side(given: Study | Path, other: Study | Path, *, estimates: bool, progress: Progress | None) -> Side:
    from aftercart.analysis.comparison import of_folder, of_study

    if isinstance(given, Study):
        return of_study(given, estimates=estimates, progress=progress)
    return of_folder(given, _study_of(given) or (other if isinstance(other, Study) else None))


def _study_of(folder: Path) -> Study | None:
    """The study that a report keeps beside its results, where it does."""
    from aftercart.sources import read

    return read(folder / "study") if (folder / "study" / "study.toml").is_file() else None
