"""Cells that a spreadsheet would run as a formula (CSV injection): how to tell them and how to make them harmless."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make Excel, LibreOffice or Google Sheets evaluate a cell (OWASP, "CSV Injection")."""


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet may take the cell for a formula."""
    return cell.startswith(FORMULA_STARTS)


def neutralise(cell: str) -> str:
    """The cell as it may be written to a CSV file: an apostrophe goes before a formula, line ends become spaces."""
    flat = " ".join(cell.splitlines()) if "\n" in cell or "\r" in cell else cell
    return f"'{flat}" if is_formula(cell) or is_formula(flat) else flat
