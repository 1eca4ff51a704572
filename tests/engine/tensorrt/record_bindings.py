"""Write what the Python bindings of a full TensorRT offer, for a machine where it cannot run.

The bindings install from the public index, the libraries below them do not. So this puts empty
libraries in their place: the module then imports, and its classes can be read, though nothing runs.
Needs Linux, gcc and nm, and the Python version that the bindings are for:

    pip install --no-deps --target b11 tensorrt-cu13-bindings==11.4.0.106
    python record_bindings.py b11 > bindings-11.4.0.106.json
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

CLASSES = [
    "Builder",
    "IBuilderConfig",
    "INetworkDefinition",
    "ITensor",
    "ILayer",
    "IOptimizationProfile",
    "OnnxParser",
    "ParserError",
    "IHostMemory",
    "ILogger",
    "IProgressMonitor",
    "ITimingCache",
    "Runtime",
    "ICudaEngine",
    "IExecutionContext",
    "IRuntimeConfig",
    "EngineInspector",
    "ISerializationConfig",
    "IOutputAllocator",
    "NetworkDefinitionCreationFlag",
    "MemoryPoolType",
    "HardwareCompatibilityLevel",
    "DataType",
    "TensorIOMode",
    "LayerType",
    "BuilderFlag",
    "TensorLocation",
    "ExecutionContextAllocationStrategy",
    "LayerInformationFormat",
    "ProfilingVerbosity",
]
STUBBED = ("libnvinfer.so", "libnvinfer_plugin.so", "libnvonnxparser.so")


def main(folder: Path) -> None:
    """Print the JSON of the bindings installed in a folder."""
    library = next(folder.glob("*/tensorrt*.so"))
    with tempfile.TemporaryDirectory() as made:
        _load_stubs(library, Path(made))
        spec = importlib.util.spec_from_file_location("tensorrt_bindings.tensorrt", library)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    version = next(folder.glob("*.dist-info")).name.split("-")[1]
    document = {"version": version, "classes": describe(module)}
    print(json.dumps(document, indent=0, sort_keys=True))  # noqa: T201


def describe(module: ModuleType) -> dict[str, dict[str, str]]:
    """Class -> public member -> its signature, empty where it is not a function.

    The class "" stands for the module; of its members only the classes are told.
    """
    found = {"": {name: "" for name in dir(module) if name[0].isupper()}}
    for name in CLASSES:
        kind = getattr(module, name)
        found[name] = {
            member: _signature(getattr(kind, member))
            for member in dir(kind)
            if not member.startswith("_")
        }
    return found


def _signature(member: Any) -> str:
    """The first line of the documentation, names of modules taken out."""
    if not callable(member):
        return ""
    line = (member.__doc__ or "").split("\n")[0]
    return re.sub(r"\btensorrt\w*\.(?:tensorrt\w*\.)?", "", line)


def _load_stubs(library: Path, folder: Path) -> None:
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True)
    undefined = subprocess.run(
        ["nm", "-D", "--undefined-only", library], capture_output=True, text=True, check=True
    )
    symbols = re.findall(r" U ((?:create|get|init)\w+)$", undefined.stdout, re.MULTILINE)
    source = folder / "stub.c"
    source.write_text("\n".join(f"void *{name}(void) {{ return 0; }}" for name in set(symbols)))
    for name in re.findall(r"\[(\S+)\]", needed.stdout):
        if name.startswith(STUBBED):
            made = folder / name
            command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", made, source]
            subprocess.run(command, check=True)
            ctypes.CDLL(str(made), ctypes.RTLD_GLOBAL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
