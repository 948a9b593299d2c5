"""Figures, metrics and provenance as HTML pages that work offline: of a spectrum, of a calibration, of a night."""
