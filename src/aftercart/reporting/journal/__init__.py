"""What a paper needs: methods and results in words, the reporting checklists filled in, and the bibliography."""

from aftercart.reporting.journal.texts import Journal, journal, of_results

__all__ = ["Journal", "journal", "of_results"]
