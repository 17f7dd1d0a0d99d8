"""Write the reference of the Python API to `build/api`, from the docstrings of the public names: `make api`."""

from __future__ import annotations

from pathlib import Path

import pdoc

import curate

# The names are loaded when they are first used, and the page lists what is loaded.
vars(curate).update({name: getattr(curate, name) for name in curate.__all__})
pdoc.render.configure(docformat="markdown")
pdoc.pdoc("curate", "curate.options", output_directory=Path("build/api"))
