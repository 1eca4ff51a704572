"""Engines for NVIDIA GPUs: built from the model files, described by a sidecar, and run.

One code path serves TensorRT 10, TensorRT 11 and TensorRT for RTX; ``versions.py`` holds what
differs. Nothing here loads a TensorRT library before it is needed.
"""
