"""The Grafana dashboards as code: `python -m dashboards` writes the JSON files beside these modules."""

import warnings

with warnings.catch_warnings():
    # The SDK would rather have the model that only Grafana 13 understands; the classic one imports into 11 to 13.
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.models.dashboard  # noqa: F401
