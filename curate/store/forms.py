"""What is stored, in the forms that rooms reckon with: a table as a data frame, a column of lists as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray


def frame(table: pa.Table) -> pl.DataFrame:
    """The same table as a frame of polars."""
    import polars as pl

    made = pl.from_arrow(table)
    if not isinstance(made, pl.DataFrame):
        raise TypeError("a table became a series")
    return made


def matrix(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column of numbers in lists of one length, of at least one row. Shape (rows, length)."""
    flat: NDArray[Any] = column.combine_chunks().flatten().to_numpy()
    return flat.reshape(len(column), -1)
