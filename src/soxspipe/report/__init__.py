"""Figures, metrics and provenance of one reduction → one HTML page that works offline."""

from __future__ import annotations

from soxspipe.report.content import ReportContent, ReportedProduct, ReportedStep
from soxspipe.report.page import build_report

__all__ = ["ReportContent", "ReportedProduct", "ReportedStep", "build_report"]
