"""Settings every connector shares, under the same names everywhere; a connector adds its own by subclassing.

They stand in the hub's settings file under `[connectors.<name>]`. Column names, code tables, formats and sentinels are settings too:
a second council on the same product writes at most twenty lines here and no Python.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ConnectorSettings(BaseModel):
    """What the runner and every connector need. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    poll_every_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds between two looks at a source that had nothing new."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds to wait for one answer of the legacy system."""
    retry_after_s: Annotated[float, Field(gt=0, le=600)] = 1.0
    """Seconds before the first retry when the legacy system is away; doubles up to `retry_at_most_s`."""
    retry_at_most_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Longest wait between two retries, in seconds."""
