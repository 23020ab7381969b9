"""The tables of a catalogue, and the steps by which older files become today's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    inspect,
    select,
)

from .errors import CatalogError

metadata = MetaData()


def _of_product(*, key: bool = False) -> Column[str]:
    return Column(
        "product", String, ForeignKey("products.id", ondelete="CASCADE"), nullable=False, primary_key=key, index=not key
    )


def _file(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, String, ForeignKey("files.name"), nullable=nullable)


schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

files = Table(
    "files",
    metadata,
    Column("name", String, primary_key=True),
    Column("bytes", Integer, nullable=False),
)

products = Table(
    "products",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False, index=True),
    Column("brand", String, nullable=False, index=True),
    Column("title_zh", String, nullable=False),
    Column("title_en", String, nullable=False),
    Column("description_zh", Text, nullable=False),
    Column("description_en", Text, nullable=False),
    Column("price_minor", Integer, index=True),
    Column("currency", String),
    Column("stock", Integer),
    Column("rating", Float),
    Column("rating_count", Integer),
    Column("base_size", String),
    Column("width_m", Float),
    Column("height_m", Float),
    Column("depth_m", Float),
    _file("glb", nullable=True),
    CheckConstraint("price_minor >= 0"),
    CheckConstraint("(price_minor IS NULL) = (currency IS NULL)"),
    CheckConstraint("stock >= 0"),
    CheckConstraint("rating BETWEEN 0 AND 5"),
)

attributes = Table(
    "attributes",
    metadata,
    _of_product(),
    Column("name", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("value", String, nullable=False),
    PrimaryKeyConstraint("product", "name"),
    Index("attributes_by_value", "name", "value"),
)

colours = Table(
    "colours",
    metadata,
    _of_product(),
    Column("id", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("title_zh", String, nullable=False),
    Column("title_en", String, nullable=False),
    Column("rgb", Integer),
    PrimaryKeyConstraint("product", "id"),
)

sizes = Table(
    "sizes",
    metadata,
    _of_product(),
    Column("size", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("cm", Float, nullable=False),
    PrimaryKeyConstraint("product", "size", "zone"),
    CheckConstraint("cm > 0"),
)

pictures = Table(
    "pictures",
    metadata,
    _of_product(),
    Column("position", Integer, nullable=False),
    _file("file"),
    PrimaryKeyConstraint("product", "position"),
)

views = Table(
    "views",
    metadata,
    _of_product(),
    Column("yaw_deg", Float, nullable=False),
    Column("position", Integer, nullable=False),
    _file("file"),
    PrimaryKeyConstraint("product", "yaw_deg"),
)

prepared = Table(
    "prepared",
    metadata,
    _of_product(),
    Column("kind", String, nullable=False),
    Column("position", Integer, nullable=False),
    _file("source"),
    _file("picture"),
    _file("parts"),
    _file("side", nullable=True),
    Column("landmarks", Text, nullable=False),
    Column("method", String, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("reviewed", Integer, nullable=False),
    PrimaryKeyConstraint("product", "kind"),
    CheckConstraint("confidence BETWEEN 0 AND 1"),
)

rules = Table(
    "rules",
    metadata,
    _of_product(),
    Column("relation", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("target", String, nullable=False),
    Column("text_zh", String, nullable=False),
    Column("text_en", String, nullable=False),
    PrimaryKeyConstraint("product", "relation", "position"),
)

imports = Table(
    "imports",
    metadata,
    Column("key", String, primary_key=True),
    Column("source", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("added", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
)
"""The journal: imports that have begun and not ended. `key` names the source and how it is read; `rows` are done."""

rejects = Table(
    "rejects",
    metadata,
    Column("import", String, ForeignKey("imports.key", ondelete="CASCADE"), nullable=False),
    Column("row", Integer, nullable=False),
    Column("report", Text, nullable=False),
    PrimaryKeyConstraint("import", "row"),
)

CHILDREN = (attributes, colours, sizes, pictures, views, prepared, rules)
"""Tables that hold a product's lists."""

Migration = Callable[[Connection], None]


def _create(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)


MIGRATIONS: Sequence[Migration] = (_create,)
"""Step n makes version n + 1 of version n. A step that was published never changes; a new one copies what it needs."""


def migrate(connection: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Brings a file to the newest version, in the transaction of `connection`. Raises `CatalogError` if it is newer."""
    known = inspect(connection).has_table("schema_version")
    version = connection.execute(select(schema_version.c.version)).scalar_one() if known else 0
    if version > len(migrations):
        raise CatalogError("The catalogue was written by a newer Vitrine; update this one to open it.")
    if version == len(migrations):
        return
    for step in migrations[version:]:
        step(connection)
    connection.execute(schema_version.delete())
    connection.execute(schema_version.insert().values(version=len(migrations)))
