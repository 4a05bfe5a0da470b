"""The reference of course_utils, from its docstrings. Read, not imported: that needs no TensorFlow."""

import ast
import inspect

from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import NumpyDocstring

MODULES = ("check", "datasets", "layers", "plotting", "results", "labs")  # what lessons import
OPTIONS = Config(napoleon_use_rtype=False, napoleon_use_ivar=True)


def page(root, module):
    """One module as a page in reStructuredText: what is public in it, with signatures.

    Parameters
    ----------
    root : Path
        The folder that `course_utils` lies in.
    module : str
        Its name, such as "check".
    """
    path = _file(root, f"course_utils.{module}")
    title = f"course_utils.{module}"
    lines = [title, "=" * len(title), "", f".. py:module:: {title}", "", *_docstring(_tree(path)), ""]
    for file in sorted(path.parent.glob("*/__init__.py")) if module == "labs" else [path]:
        for node in _public(root, file):
            if module != "labs" or node.name.endswith("Lab"):  # not the states of labs, which no lesson makes
                lines += _described(node)
    return "\n".join(lines)


def _file(root, dotted):
    """The file of a module or a package."""
    path = root.joinpath(*dotted.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _public(root, path):
    """The functions and classes that a module hands out: those in `__all__`, or all without an underscore."""
    tree, named = _tree(path), None
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            named = ast.literal_eval(node.value)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("course_utils") and named:
            wanted = {alias.name for alias in node.names}.intersection(named)
            yield from (found for found in _public(root, _file(root, node.module)) if found.name in wanted)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and (
            not node.name.startswith("_") if named is None else node.name in named
        ):
            yield node


def _described(node):
    """A function or a class with its methods, as directives."""
    if isinstance(node, ast.ClassDef):
        members = [part for part in node.body if isinstance(part, ast.FunctionDef)]
        inner = [line for part in members if not part.name.startswith("_") for line in _member(part)]
        head = f".. py:class:: {node.name}{_signature(node, members)}"
        return _directive(head, [*_docstring(node), "", *inner])
    return _directive(f".. py:function:: {node.name}{_arguments(node.args)}", _docstring(node))


def _member(node):
    """A method or a property; setters add nothing to what their property says."""
    marks = [ast.unparse(mark) for mark in node.decorator_list]
    if not ast.get_docstring(node) or any(mark.endswith(".setter") for mark in marks):
        return []
    if "property" in marks:
        return _directive(f".. py:property:: {node.name}", _docstring(node))
    return _directive(f".. py:method:: {node.name}{_arguments(node.args)}", _docstring(node))


def _directive(head, body):
    return [head, "", *(f"   {line}" if line else "" for line in body), ""]


def _signature(node, members):
    """What a class is called with: the arguments of `__init__`, or the fields of a dataclass."""
    for member in members:
        if member.name == "__init__":
            return _arguments(member.args)
    if not any("dataclass" in ast.unparse(mark) for mark in node.decorator_list):
        return ""
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
    given = [part.target.id + (f"={ast.unparse(part.value)}" if part.value else "") for part in fields]
    return f"({', '.join(given)})"


def _arguments(args):
    text = ast.unparse(args)
    return f"({text.removeprefix('self').removeprefix(', ')})"


def _docstring(node):
    """A docstring in reStructuredText, line by line."""
    text = inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
    return NumpyDocstring(text, OPTIONS).lines()
