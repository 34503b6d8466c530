"""The past as a scrape would have shown it: from run records to OpenMetrics with timestamps.

What Prometheus does with such an import decides its form. It ends at first contact, where live counters begin at 0,
which PromQL takes for a reset; and never later than three hours ago, because Prometheus drops other jobs' newer samples
when a block reaches into them. What is known of today only, from a listing or a request, has no past and is left out.
"""

from exporter.history.atomic_output import output_file
from exporter.history.blocks import find_promtool, write_blocks
from exporter.history.import_size import expected_samples, expected_size
from exporter.history.openmetrics import Written, history
from exporter.history.past import Past, read_past
from exporter.history.past_reader import instant_text, read_pasts, wait_for_history
from exporter.history.span import Span, span_of

__all__ = [
    "Past",
    "Span",
    "Written",
    "expected_samples",
    "expected_size",
    "find_promtool",
    "history",
    "instant_text",
    "output_file",
    "read_past",
    "read_pasts",
    "span_of",
    "wait_for_history",
    "write_blocks",
]
