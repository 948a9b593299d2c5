"""Base of the algorithms' settings: frozen, checked, one line of documentation each."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class AlgorithmSettings(BaseModel):
    """Knobs of one algorithm; field names are the published ones with underscores."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
