"""The page of one science exposure or standard star: spectrum, orders, object, response."""

from __future__ import annotations

from soxspipe.report.science.content import ReportContent
from soxspipe.report.science.page import build_report

__all__ = ["ReportContent", "build_report"]
