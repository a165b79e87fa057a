"""Features as a Parquet file: columns feature, name, label and meta."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.cli.files import writing
from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.extras import needed
from zqcnn_xp.gallery.exchange.source import FeatureSource, block_rows, checked_dim
from zqcnn_xp.gallery.rows import ArrayRows, decoded
from zqcnn_xp.gallery.store.batch import Batch

if TYPE_CHECKING:
    from zqcnn_xp.gallery.store.store import Store

__all__ = ["read_parquet", "write_parquet"]

_GROUP = 1 << 12  # rows of a group, which is written from memory
_MAX_GROUP = 1 << 30  # bytes of one that is read
_MAX_STRUCTURES = 1 << 24
_FEATURE, _NAME, _LABEL, _META = "feature", "name", "label", "meta"


def read_parquet(path: Path) -> FeatureSource:
    """Open a file with a column ``feature`` of lists, all of one length, of floats.

    Columns ``name`` and ``label`` are strings and ``meta`` is JSON; each may be missing.

    Raises
    ------
    DatasetError
        If the file is damaged or has other columns; from here or from the batches.
    PackageMissing
        If pyarrow is not installed.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as raw:
        file = _opened(raw, path)
        dim = _dim(file, path)
    return FeatureSource(str(path), dim, _batches(path, dim))


def _arrow(purpose: str) -> tuple[Any, Any]:
    name = f"{purpose} Parquet files"
    arrow = needed("pyarrow", extra="parquet", purpose=name)
    return arrow, needed("pyarrow.parquet", extra="parquet", purpose=name)


def _guarded(path: Path, what: str, action: Any) -> Any:
    """Call pyarrow; whatever it says against the file becomes a `DatasetError`."""
    arrow, _ = _arrow("reading")
    try:
        return action()
    except (arrow.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        reason = str(error).partition("\n")[0][:200]
        found = f"{what} that cannot be read ({reason})"
        raise DatasetError(str(path), "", found, "a Parquet file of features") from error


def _opened(raw: Any, path: Path) -> Any:
    _, parquet = _arrow("reading")
    file = _guarded(
        path,
        "a footer",
        lambda: parquet.ParquetFile(
            raw,
            pre_buffer=False,
            page_checksum_verification=True,
            thrift_string_size_limit=_MAX_STRUCTURES,
            thrift_container_size_limit=_MAX_STRUCTURES,
            schema_depth_limit=16,
        ),
    )
    for number in range(file.metadata.num_row_groups):
        size = _guarded(
            path, "a group", lambda n=number: file.metadata.row_group(n).total_byte_size
        )
        if not 0 <= size <= _MAX_GROUP:
            where, found = f"row group {number}", f"{size} bytes"
            raise DatasetError(str(path), where, found, f"{_MAX_GROUP} at most")
    return file


def _dim(file: Any, path: Path) -> int:
    arrow, _ = _arrow("reading")
    schema = _guarded(path, "a schema", lambda: file.schema_arrow)
    fields = {
        name: schema.field(name).type for name in schema.names if schema.names.count(name) == 1
    }
    kind = fields.get(_FEATURE)
    if kind is None:
        found = f"the columns {', '.join(schema.names[:8])}"[:200]
        raise DatasetError(str(path), "", found, f"one called {_FEATURE!r}")
    fixed = arrow.types.is_fixed_size_list(kind)
    if not (fixed and arrow.types.is_floating(kind.value_type)):
        expected = "a fixed-size list of floats"
        raise DatasetError(str(path), f"column {_FEATURE!r}", f"{kind}"[:200], expected)
    for name in (_NAME, _LABEL, _META):
        text = fields.get(name)
        if text is not None and not (
            arrow.types.is_string(text) or arrow.types.is_large_string(text)
        ):
            raise DatasetError(str(path), f"column {name!r}", f"{text}"[:200], "strings")
    return checked_dim(kind.list_size, str(path), f"column {_FEATURE!r}")


def _batches(path: Path, dim: int) -> Iterator[Batch]:
    with path.open("rb") as raw:
        file = _opened(raw, path)
        if _dim(file, path) != dim:
            raise DatasetError(str(path), "", "another schema", "the one there was")
        wanted = [
            name for name in (_FEATURE, _NAME, _LABEL, _META) if name in file.schema_arrow.names
        ]
        parts = _guarded(
            path,
            "a page",
            lambda: file.iter_batches(block_rows(dim), columns=wanted, use_threads=False),
        )
        row = 0
        while True:
            table = _guarded(path, "a page", lambda: next(parts, None))
            if table is None:
                break
            if table.num_rows:
                yield _guarded(path, "a page", lambda t=table, r=row: _batch(t, dim, path, r))
            row += table.num_rows


def _batch(table: Any, dim: int, path: Path, row: int) -> Batch:
    table.validate(full=True)
    columns = {name: table.column(place) for place, name in enumerate(table.schema.names)}
    lists = columns[_FEATURE]
    if lists.null_count or lists.flatten().null_count:
        raise DatasetError(str(path), f"rows from {row}", "a missing value", "features")
    values: NDArray[Any] = lists.flatten().to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        features = values.astype(np.float32).reshape(table.num_rows, dim)
    good = np.isfinite(features).all(axis=1)
    if not good.all():
        where = f"row {row + int(np.argmin(good))}"
        raise DatasetError(str(path), where, "a value that is no finite number", "finite ones")
    names = columns[_NAME].to_pylist() if _NAME in columns else [None] * table.num_rows
    called = [str(row + place) if name is None else name for place, name in enumerate(names)]
    labels = columns[_LABEL].to_pylist() if _LABEL in columns else None
    meta = None
    if _META in columns:
        texts = columns[_META].to_pylist()
        meta = [_object(text, path, row + place) for place, text in enumerate(texts)]
    return Batch(features, called, labels, meta)


def _object(text: str | None, path: Path, row: int) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(str(path), f"row {row}", "meta that is no JSON", "an object") from error
    if not isinstance(value, dict):
        found = f"meta of type {type(value).__name__}"
        raise DatasetError(str(path), f"row {row}", found, "an object")
    return value


def write_parquet(store: Store, path: Path) -> int:
    """Write a store as a Parquet file: float16 features as they are, all others as float32.

    Returns
    -------
    int
        Rows that were written.

    Raises
    ------
    InputError
        If a name or label has bytes that are no UTF-8.
    PackageMissing
        If pyarrow is not installed.
    OSError
        If the file cannot be written; then it is not there.
    """
    arrow, parquet = _arrow("writing")
    dtype = np.dtype("float16" if store.dtype == np.float16 else "float32")
    kind = arrow.list_(arrow.from_numpy_dtype(dtype), store.dim)
    text = arrow.string()
    fields = [arrow.field(_FEATURE, kind, nullable=False), arrow.field(_NAME, text, nullable=False)]
    schema = arrow.schema([*fields, arrow.field(_LABEL, text), arrow.field(_META, text)])
    with (
        writing(path) as file,
        parquet.ParquetWriter(
            file, schema, write_page_checksum=True, use_dictionary=[_LABEL], write_statistics=False
        ) as writer,
    ):
        for batch in store.batches(_GROUP):
            rows = batch.features
            assert isinstance(rows, ArrayRows)  # noqa: S101 - for the type checker
            values = rows[0 : len(rows)] if dtype == np.float16 else decoded(rows, 0, len(rows))
            flat = arrow.array(np.ascontiguousarray(values).reshape(-1))
            texts = [None if one is None else json.dumps(one) for one in batch.meta or ()]
            try:
                columns = [batch.names, batch.labels, texts]
                arrays = [arrow.array(list(column or ()), text) for column in columns]
            except (UnicodeEncodeError, arrow.ArrowException) as error:
                found = f"a name or label that is no text ({error})"
                raise InputError(f"found {found}, expected UTF-8") from error
            lists = arrow.FixedSizeListArray.from_arrays(flat, store.dim)
            writer.write_table(arrow.Table.from_arrays([lists.cast(kind), *arrays], schema=schema))
    return len(store)
