"""The same work on every runtime: a row a runtime, a process a row, and what it gave held against
torch."""
