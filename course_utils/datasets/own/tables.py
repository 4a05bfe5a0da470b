"""Read a table that a learner has: which columns, which rows, and what is wrong with the others."""

import csv
import functools
import io


def read_text(file):
    """A file as text.

    Raises
    ------
    ValueError
        If it cannot be opened, is not UTF-8, or holds nothing.
    """
    try:
        raw = file.read_bytes()
    except OSError as problem:
        raise ValueError(f"it cannot be opened ({problem.strerror})") from None
    if raw.startswith(b"PK\x03\x04"):
        raise ValueError("it is a spreadsheet or a zip file: export it as CSV, or unpack it")
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ValueError(f"byte {problem.start + 1:,} is not UTF-8: save it as UTF-8") from None
    if not content.strip():
        raise ValueError("it is empty")
    return content


def read_table(file, wanted):
    """The wanted columns of a CSV file, whose first line names them; commas, semicolons or tabs divide.

    Parameters
    ----------
    file : Path
        The table.
    wanted : dict
        Argument -> the name of a column.

    Returns
    -------
    list of (str, list of str), dict
        Each row that can be read, as its place ("line 7") and the wanted cells; and place -> why, of all
        others.

    Raises
    ------
    ValueError
        If the file is no table or lacks a column.
    """
    if not file.is_file():
        raise ValueError(f"path={str(file)!r} cannot be: there is no such file.")
    try:
        content = read_text(file)
    except ValueError as problem:
        raise ValueError(f"path={str(file)!r} cannot be: {problem}.") from None
    divider = max(",;\t", key=functools.partial(_columns_found, content, set(wanted.values())))
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=divider, strict=True)
    found, skipped = [], {}
    try:
        columns = next(rows)
        for argument, name in wanted.items():
            if columns.count(name) != 1:
                many = "stands twice in" if name in columns else "is no column of"
                raise ValueError(f"{argument}={name!r} {many} {file.name}, which has {', '.join(columns)}.")
        places = [columns.index(name) for name in wanted.values()]
        for row in rows:
            if row and len(row) != len(columns):
                skipped[f"line {rows.line_num}"] = (
                    f"it has {len(row)} cells, the first line {len(columns)}: quote what holds a {divider!r}"
                )
            elif row:
                found.append((f"line {rows.line_num}", [row[at].strip() for at in places]))
    except csv.Error as problem:
        raise ValueError(
            f"path={str(file)!r} is no CSV file from line {rows.line_num} on: {problem}."
        ) from None
    return found, skipped


def _columns_found(content, names, divider):
    """How many of the names stand in the first line if it is divided so, and how many columns it has then."""
    try:
        columns = next(csv.reader(io.StringIO(content, newline=""), delimiter=divider))
    except csv.Error:
        return 0, 0
    return len(names.intersection(columns)), len(columns)
