"""Reading fields out of imported rows: the checks that every task type makes alike."""

from collections.abc import Mapping, Sequence

from apps.core.errors import Invalid

TEXT_MAX = 100_000  # characters; what a page can show and a person can read in one sitting
Alternatives = tuple[tuple[str, ...], ...]


def written_cell(value: object) -> str:
    """A cell as text: Parquet and JSON have numbers where CSV has digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (str, int, float)):
        return str(value)
    raise Invalid("a cell holds neither text nor a number")


def field(
    row: Mapping, name: str, alternatives: Alternatives, *, may_be_empty: bool = False
) -> str:
    """The first alternative whose leading column is there, its filled columns joined."""
    for columns in alternatives:
        if columns[0] in row:
            parts = [written_cell(row.get(column)).strip() for column in columns]
            text = "\n\n".join(part for part in parts if part)
            if not text and not may_be_empty:
                raise Invalid(f"{name} is empty")
            if len(text) > TEXT_MAX:
                raise Invalid(f"{name} is longer than {TEXT_MAX:,} characters")
            return text
    raise Invalid(f"{name} is missing")


def mapping(raw: object, defaults: Mapping[str, Alternatives]) -> dict[str, list[str]]:
    """The buyer's own names of columns, `{field: column or [columns]}`, checked."""
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise Invalid("The columns must be given as field and column.", field="columns")
    found = {}
    for name, columns in raw.items():
        if name not in defaults:
            raise Invalid(f"There is no field {name!r} to read a column into.", field="columns")
        names = [columns] if isinstance(columns, str) else columns
        if not names or not all(isinstance(column, str) and column.strip() for column in names):
            raise Invalid(f"The column of {name} must be named.", field="columns")
        found[name] = [column.strip().lower() for column in names]
    return found


def with_mapping(config: Mapping, defaults: Mapping[str, Alternatives]) -> dict[str, Alternatives]:
    """The buyer's columns first, then the usual names."""
    own = config.get("columns", {})
    return {
        name: ((tuple(own[name]),) if name in own else ()) + usual
        for name, usual in defaults.items()
    }


def text(config: Mapping, key: str, label: str, *, maximum: int, required: bool = True) -> str:
    """A text of a config or answer."""
    value = config.get(key, "")
    if not isinstance(value, str):
        raise Invalid(f"{label} must be text.", field=key)
    value = value.strip()
    if required and not value:
        raise Invalid(f"{label} is missing.", field=key)
    if len(value) > maximum:
        raise Invalid(f"{label} is longer than {maximum:,} characters.", field=key)
    return value


def only_keys(answer: object, allowed: Sequence[str]) -> Mapping:
    """The answer, if it is an object with these keys and no others."""
    if not isinstance(answer, Mapping):
        raise Invalid("The answer must be an object with the fields of this task.")
    unknown = sorted(str(key) for key in answer if key not in allowed)
    if unknown:
        raise Invalid(f"The answer has a field {unknown[0]!r} that this task does not have.")
    return answer
