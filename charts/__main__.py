"""Write the file of the chart that Helm cannot compute from those that it links to."""

from pathlib import Path

from charts.receivers import receivers_text

FILE = Path(__file__).parent / "hex-exporter" / "files" / "alertmanagerconfig.yml"

if __name__ == "__main__":
    FILE.write_text(receivers_text())
