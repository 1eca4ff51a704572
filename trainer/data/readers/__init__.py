"""The forms of data sets that can be read. A new one is one file here and one line below."""

from __future__ import annotations

from ecgan.engine.registry import Registry

READERS = Registry(
    "data reader",
    {
        "prepared": "ecgan.trainer.data.readers.prepared:Prepared",
        "table": "ecgan.trainer.data.readers.table:Table",
        "rafdb": "ecgan.trainer.data.readers.rafdb:RafDb",
        "tar": "ecgan.trainer.data.readers.tar:Tar",
        "classes": "ecgan.trainer.data.readers.classes:ClassFolders",
        "photos": "ecgan.trainer.data.readers.photos:Photos",
    },
)
"""Where no reader is named, the first that recognises a path takes it."""
