"""The facts of a study: tables, code dictionary, instruments, medicines, and the rules they must keep."""

from aftercart.study.check import check
from aftercart.study.model import Study, StudyMeta, VisitWindow

__all__ = ["Study", "StudyMeta", "VisitWindow", "check"]
