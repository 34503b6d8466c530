"""The page at `/`: what a person wants to know first of each workspace, as one HTML document, ready to be sent."""

from exporter.overview.figures import WorkspaceFigures, workspace_figures
from exporter.overview.overview_html import STYLE_SHA256, Boards, Frame, render_overview

__all__ = [
    "STYLE_SHA256",
    "Boards",
    "Frame",
    "WorkspaceFigures",
    "render_overview",
    "workspace_figures",
]
