"""One row at a time, quickly: the statements of a claim and a submission, made once a model.

The ORM composes an INSERT or UPDATE of forty columns anew each time, which costs more than
PostgreSQL's own work on it. Field preparation, constraints and row-level security are the same.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

from django.db import models
from django.db.models.options import Options

from apps.core.postgresql.base import current


def _options(model: type[models.Model]) -> Options:
    return model._meta  # noqa: SLF001 -- Django documents it as its interface


class Statement(NamedTuple):
    """SQL with %s, written in the code, and its values."""

    sql: str
    values: list[Any]


@cache
def _insert(model: type[models.Model]) -> str:
    options = _options(model)
    names = ", ".join(f'"{field.column}"' for field in options.concrete_fields)
    marks = ", ".join("%s" for _ in options.concrete_fields)
    return f'INSERT INTO "{options.db_table}" ({names}) VALUES ({marks})'  # noqa: S608 -- own names


def insert(row: models.Model, *, beside: Statement | None = None) -> None:
    """Write a new row; its primary key is set by the caller or by the field's default.

    For models whose columns all have a value in Python. Raises IntegrityError as `save` would.
    `beside` is an UPDATE of another row that is done in the same statement.
    """
    model, database = type(row), current()
    fields = _options(model).concrete_fields
    values = [field.get_db_prep_save(field.pre_save(row, add=True), database) for field in fields]
    sql = _insert(model)
    if beside:
        sql, values = f"WITH beside AS ({beside.sql}) {sql}", [*beside.values, *values]
    with database.kept_cursor() as cursor:
        cursor.execute(sql, values)
    state = row._state  # noqa: SLF001 -- what `save` leaves behind
    state.adding, state.db = False, database.alias


@cache
def _update(
    model: type[models.Model], names: tuple[str, ...]
) -> tuple[str, tuple[models.Field, ...]]:
    options = _options(model)
    fields = tuple(cast("models.Field", options.get_field(name)) for name in names)
    columns = ", ".join(f'"{field.column}" = %s' for field in fields)
    key = options.pk.column
    return (
        f'UPDATE "{options.db_table}" SET {columns} WHERE "{key}" = %s',  # noqa: S608 -- own names
        fields,
    )


def change(row: models.Model, names: tuple[str, ...]) -> Statement:
    """The UPDATE that writes these fields of an existing row back."""
    database = current()
    sql, fields = _update(type(row), names)
    values = [field.get_db_prep_save(field.pre_save(row, add=False), database) for field in fields]
    return Statement(sql, [*values, row.pk])


def update(row: models.Model, names: tuple[str, ...]) -> None:
    """Write these fields of an existing row back. A row that row-level security hides stays."""
    with current().kept_cursor() as cursor:
        cursor.execute(*change(row, names))


def _columns(model: type[models.Model]) -> str:
    options = _options(model)
    return ", ".join(f'"{options.db_table}"."{field.column}"' for field in options.concrete_fields)


@cache
def _select(model: type[models.Model], where: str, also: str) -> tuple[str, type[models.Model]]:
    """The statement, and the model of the row that is read along."""
    table, names, other = f'"{_options(model).db_table}"', _columns(model), model
    if also:
        field = cast("models.ForeignKey", _options(model).get_field(also))
        other = field.related_model
        there = f'"{_options(other).db_table}"'
        key = _options(other).pk.column
        names += f", {_columns(other)}"
        # A key that may be null is a row that may be none.
        join = "LEFT JOIN" if field.null else "JOIN"
        table += f' {join} {there} ON {there}."{key}" = {table}."{field.column}"'
    return f"SELECT {names} FROM {table} WHERE {where}", other  # noqa: S608 -- own names


@cache
def _readers(
    model: type[models.Model],
) -> tuple[list[str], list[tuple[int, Any, list[Callable[..., Any]]]]]:
    """Names of the fields, and what turns a column of PostgreSQL into the field's value."""
    fields = _options(model).concrete_fields
    columns = [
        (number, field.cached_col, field.get_db_converters(current()))
        for number, field in enumerate(fields)
    ]
    return [field.attname for field in fields], [one for one in columns if one[2]]


def _read[M: models.Model](model: type[M], found: Sequence[Any]) -> M:
    names, readers = _readers(model)
    database, row = current(), list(found)
    for number, column, converters in readers:
        for convert in converters:
            row[number] = convert(row[number], column, database)
    return model.from_db(database.alias, names, row)


def first[M: models.Model](
    model: type[M], where: str, values: Sequence[Any], *, also: str = ""
) -> M | None:
    """The first row of this condition (SQL with %s, written in the code), or None.

    `also` is a foreign key of it that is read along; the condition then names tables, too.
    """
    sql, other = _select(model, where, also)
    with current().kept_cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchone()
    if found is None:
        return None
    own = len(_options(model).concrete_fields)
    row = _read(model, found[:own])
    if also:
        is_there = getattr(row, cast("Any", _options(model).get_field(also)).attname) is not None
        setattr(row, also, _read(other, found[own:]) if is_there else None)
    return row


@cache
def _call(model: type[models.Model], function: str) -> str:
    names = ", ".join(f'"{field.column}"' for field in _options(model).concrete_fields)
    return f"SELECT {names} FROM {function}"  # noqa: S608 -- own names


def given[M: models.Model](model: type[M], function: str, values: Sequence[Any]) -> M | None:
    """The first row that this call of a function returns (SQL with %s), or None."""
    with current().kept_cursor() as cursor:
        cursor.execute(_call(model, function), values)
        found = cursor.fetchone()
    return found and _read(model, found)
