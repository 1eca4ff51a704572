"""How good networks are, measured on faces whose truth is known."""

from .report import Report
from .run import EvaluateOptions, Evaluation, evaluate
from .write import write_report

__all__ = ["EvaluateOptions", "Evaluation", "Report", "evaluate", "write_report"]
