"""What the published classes of the calibration recipes share: they give the metrics with the path."""

from __future__ import annotations

from typing import Any

from soxspipe.recipes.published_recipe import published_recipe


class calibration_recipe(published_recipe):
    """A recipe whose ``produce_product`` returns ``(path, table of metrics)``."""

    def produce_product(self) -> tuple[str, Any]:  # type: ignore[override]  # published so; soxs_stare returns the path alone
        """Reduce the frames and write every product.

        Returns
        -------
        path : str
            Of the master.
        qc : Table
            Metrics, as in `qc`.
        """
        path = super().produce_product()
        return path, self.qc
