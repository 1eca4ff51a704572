"""The commands. A new one is one file here, with a function ``command``, and one line below.

A command's module imports nothing heavy at its top: listing the commands imports all of them.
"""

COMMANDS = {
    "unmask": "ecgan_cli.commands.unmask",
    "prepare": "ecgan_cli.commands.prepare",
    "train": "ecgan_cli.commands.train",
    "evaluate": "ecgan_cli.commands.evaluate",
    "export": "ecgan_cli.commands.export",
    "build-engine": "ecgan_cli.commands.build_engine",
    "benchmark": "ecgan_cli.commands.benchmark",
    "doctor": "ecgan_cli.commands.doctor",
}
