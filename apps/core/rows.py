"""One row at a time, quickly: the statements of a claim and a submission, made once a model.

The ORM composes an INSERT or UPDATE of forty columns anew each time, which costs more than
PostgreSQL's own work on it. Field preparation, constraints and row-level security are the same.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

from django.db import connection, models
from django.db.models.options import Options

from apps.core.postgresql.base import current


def _options(model: type[models.Model]) -> Options:
    return model._meta  # noqa: SLF001 -- Django documents it as its interface


@cache
def _insert(model: type[models.Model]) -> str:
    options = _options(model)
    names = ", ".join(f'"{field.column}"' for field in options.concrete_fields)
    marks = ", ".join("%s" for _ in options.concrete_fields)
    return f'INSERT INTO "{options.db_table}" ({names}) VALUES ({marks})'  # noqa: S608 -- own names


def insert(row: models.Model, *, beside: str = "", values: Sequence[Any] = ()) -> None:
    """Write a new row; its primary key is set by the caller or by the field's default.

    For models whose columns all have a value in Python. Raises IntegrityError as `save` would.
    `beside` is an UPDATE of other rows, with its values, that is done in the same statement.
    """
    model = type(row)
    own = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection)
        for field in _options(model).concrete_fields
    ]
    statement = f"WITH beside AS ({beside}) {_insert(model)}" if beside else _insert(model)
    with current().kept_cursor() as cursor:
        cursor.execute(statement, [*values, *own])
    state = row._state  # noqa: SLF001 -- what `save` leaves behind
    state.adding, state.db = False, connection.alias


def _field(model: type[models.Model], name: str) -> models.Field:
    return cast("models.Field", _options(model).get_field(name))


@cache
def _update(model: type[models.Model], names: tuple[str, ...]) -> str:
    options = _options(model)
    columns = ", ".join(f'"{_field(model, name).column}" = %s' for name in names)
    key = options.pk.column
    return f'UPDATE "{options.db_table}" SET {columns} WHERE "{key}" = %s'  # noqa: S608 -- own names


def update(row: models.Model, names: Sequence[str]) -> None:
    """Write these fields of an existing row back. A row that row-level security hides stays."""
    model = type(row)
    fields = [_field(model, name) for name in names]
    values = [
        field.get_db_prep_save(field.pre_save(row, add=False), connection) for field in fields
    ]
    with current().kept_cursor() as cursor:
        cursor.execute(_update(model, tuple(names)), [*values, row.pk])


@cache
def _select(model: type[models.Model], source: str) -> str:
    names = ", ".join(f'"{field.column}"' for field in _options(model).concrete_fields)
    return f"SELECT {names} FROM {source}"  # noqa: S608 -- own names


@cache
def _readers(
    model: type[models.Model],
) -> tuple[list[str], list[tuple[int, Any, list[Callable[..., Any]]]]]:
    """Names of the fields, and what turns a column of PostgreSQL into the field's value."""
    fields = _options(model).concrete_fields
    columns = [
        (number, field.cached_col, field.get_db_converters(connection))
        for number, field in enumerate(fields)
    ]
    return [field.attname for field in fields], [one for one in columns if one[2]]


def first[M: models.Model](model: type[M], where: str, values: Sequence[Any]) -> M | None:
    """The first row of this condition (SQL with %s, written in the code), or None."""
    return first_of(model, f'"{_options(model).db_table}" WHERE {where}', values)


def first_of[M: models.Model](model: type[M], source: str, values: Sequence[Any]) -> M | None:
    """The first row of this function or condition (what stands behind FROM), or None."""
    with current().kept_cursor() as cursor:
        cursor.execute(_select(model, source), values)
        found = cursor.fetchone()
    if found is None:
        return None
    names, readers = _readers(model)
    row = list(found)
    for number, column, converters in readers:
        for convert in converters:
            row[number] = convert(row[number], column, connection)
    return model.from_db(connection.alias, names, row)
