"""What changed between two data cuts, or between two versions of the rules, and because of which row."""

from aftercart.analysis.comparison.compare import Difference, compare
from aftercart.analysis.comparison.sides import Side, is_saved, of_folder, of_study

__all__ = ["Difference", "Side", "compare", "is_saved", "of_folder", "of_study"]
