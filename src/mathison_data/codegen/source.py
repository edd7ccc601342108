"""Writes Python as `ruff format` would: strings, docstrings, calls and imports that need no formatter after it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 120
_FIRST_PARTY = "mathison_data"
_THIRD_PARTY = frozenset({"pydantic"})


def string(text: str) -> str:
    """Return a string literal, in the quotes that need the fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    escaped = text.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    escaped = "".join(character if character.isprintable() else _escape(character) for character in escaped)
    return f"{quote}{escaped}{quote}"


def block_string(text: str) -> str:
    """Return a string literal of several lines, as they are."""
    escaped = text.replace("\\", "\\\\").replace('"""', '""\\"').replace("\r", "\\r").replace("\t", "\\t")
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    return f'"""\\\n{escaped}"""'


def docstring(paragraphs: Sequence[str | Sequence[str]], indent: str) -> str:
    """Return a docstring, its first sentence on a line of its own; a paragraph that is a sequence is a list."""
    first, rest = str(paragraphs[0]), list(paragraphs[1:])
    if rest or len(indent) + len(first) + 6 > WIDTH:
        first, more = _first_sentence(first)
        rest = [more, *rest] if more else rest
    blocks = [_wrapped(first, WIDTH - len(indent) - 3)]
    for paragraph in rest:
        if isinstance(paragraph, str):
            blocks.append(_wrapped(paragraph, WIDTH - len(indent)))
        else:
            blocks.append([line for item in paragraph for line in _wrapped(item, WIDTH - len(indent), "  ")])
    text = f"\n\n{indent}".join(f"\n{indent}".join(lines) for lines in blocks)
    text = text.replace("\\", "\\\\").replace('"""', '""\\"')
    if "\n" in text:
        return f'{indent}"""{text}\n{indent}"""\n'
    return f'{indent}"""{text}{" " if text.endswith(chr(34)) else ""}"""\n'


def _wrapped(text: str, width: int, hanging: str = "") -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


def call(before: str, arguments: Sequence[str], after: str, indent: str = "") -> str:
    """Return `before(a, b)after` on one line if it fits, else with a line for each argument."""
    line = f"{indent}{before}({', '.join(arguments)}){after}\n"
    if len(line) <= WIDTH + 1 and not any("\n" in argument for argument in arguments):
        return line
    inner = "".join(f"{indent}    {argument},\n" for argument in arguments)
    return f"{indent}{before}(\n{inner}{indent}){after}\n"


def tuple_of(names: Sequence[str], before: str, indent: str) -> str:
    """Return `before("a", "b")`, as an argument: without the comma behind it."""
    items = [string(name) for name in names]
    line = f"{before}({', '.join(items)}{',' if len(items) == 1 else ''})"
    if len(indent) + len(line) + 1 <= WIDTH:
        return line
    inner = "".join(f"{indent}    {item},\n" for item in items)
    return f"{before}(\n{inner}{indent})"


def exported(names: Iterable[str]) -> str:
    """Return `__all__`, classes first."""
    items = [string(name) for name in sorted(names, key=lambda name: (name[0].islower(), name))]
    line = f"__all__ = [{', '.join(items)}]\n"
    if len(line) <= WIDTH + 1:
        return line
    return "__all__ = [\n" + "".join(f"    {item},\n" for item in items) + "]\n"


def imports(wanted: Iterable[tuple[str, str]]) -> str:
    """Return the import block for pairs of module and name, sorted into standard library, third party and our own."""
    modules: dict[str, set[str]] = {}
    for module, name in wanted:
        modules.setdefault(module, set()).add(name)
    sections: list[list[str]] = [["from __future__ import annotations\n"], [], [], []]
    for module in sorted(modules):
        top = module.partition(".")[0]
        section = 3 if top == _FIRST_PARTY else 2 if top in _THIRD_PARTY else 1
        sections[section].append(_from(module, modules[module]))
    return "\n".join("".join(section) for section in sections if section)


def _from(module: str, names: Iterable[str]) -> str:
    ordered = sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    line = f"from {module} import {', '.join(ordered)}\n"
    if len(line) <= WIDTH + 1:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in ordered) + ")\n"


def pieces(text: str, width: int) -> list[str]:
    """Cut a text into string literals of at most `width`, the space between words at the end of each."""
    if len(string(text)) <= width:
        return [string(text)]
    cut: list[str] = []
    line = ""
    for word in text.split(" "):
        if line and len(string(line + word + " ")) > width:
            cut.append(line)
            line = ""
        line += word + " "
    return [string(part) for part in [*cut, line[:-1]]]


def _first_sentence(text: str) -> tuple[str, str]:
    for end in (". ", "; "):
        before, found, after = text.partition(end)
        if found and len(before) > 20:
            return before + ".", after[:1].upper() + after[1:]
    return text, ""


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
