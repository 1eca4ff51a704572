"""What this process takes of the machine's memory."""

from __future__ import annotations

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
MIB = 1 << 20


def peak_memory_mib() -> float:
    """Most memory that this process has had in use, in MiB; 0 on Windows, which does not tell."""
    if sys.platform == "win32":
        return 0.0
    if STATUS.is_file():
        for line in STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / MIB
    # a process begins with the peak of the one that started it, so this is only the second choice
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB
