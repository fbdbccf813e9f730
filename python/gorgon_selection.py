"""Which cases of its file a unit is about, as its worker and its user have put it."""

import ast
import os
import re

import pytest

LINE = re.compile(r":(\d+)")


class Selection:
    def __init__(self, run):
        self.only = None if run.get("only") is None else set(run["only"])
        self.without = set(run.get("except") or [])
        self.places = run.get("places") or []
        self.names = run.get("names") or []
        self.tags = run.get("tags") or []
        self.expression = run.get("expression")  # None, with the key there, cannot be obeyed.
        self.chosen = set()  # Items at the places.
        self.problems = []
        if "expression" in run and not is_expression(self.expression):
            self.problems.append(f"this runner does not understand {self.expression}; is it older than your gorgon?")
            self.expression = ["or"]  # No case.

    def look_at(self, file, items):
        """Finds what is at the places, among all cases of the file."""
        if not self.places:
            return
        declared = declarations(file, items)
        for place in self.places:
            line = LINE.fullmatch(place)
            if line:
                found = declared_at(declared, int(line[1]))
                problem = "there is no test at or before this line"
            elif place.startswith("::"):
                found = [item for item in items if is_part(item.nodeid, place)]
                problem = "there is no such test"
            else:
                found, problem = [], "pytest has no such ids; select by line, by node id or with -e"
            self.chosen.update(found)
            if not found:
                self.problems.append(f"{file}{place}: {problem}")

    def takes(self, item, case_id, name):
        if (self.only is not None and case_id not in self.only) or case_id in self.without:
            return False
        if self.places and item not in self.chosen:
            return False
        if self.names and not any(part in name for part in self.names):
            return False
        if self.expression is not None and not evaluate(self.expression, item, case_id, name):
            return False
        return takes_tags(item, self.tags)


def is_expression(term):
    """["and", …], ["or", …], ["not", …] over ["name", TEXT] and its like."""
    if not isinstance(term, list) or not term:
        return False
    if term[0] in ("and", "or", "not"):
        return all(is_expression(one) for one in term[1:])
    return term[0] in ("name", "name_is", "word", "tag", "ids")


def evaluate(term, item, case_id, name):
    word, *rest = term
    if word == "and":
        return all(evaluate(one, item, case_id, name) for one in rest)
    if word == "or":
        return any(evaluate(one, item, case_id, name) for one in rest)
    if word == "not":
        return not evaluate(rest[0], item, case_id, name)
    return {
        "name": lambda text: text in name,
        "name_is": lambda text: text == name,
        "word": lambda text: text.lower() in name.lower(),
        "tag": lambda tag: has_tag(item, tag),
        "ids": lambda ids: case_id in ids,
    }[word](rest[0])


def takes_tags(item, tags):
    """`slow`, `~slow`, `db:mysql`: a marker, and its first argument. One of those that are wanted is enough."""
    unwanted = [tag[1:] for tag in tags if tag.startswith("~")]
    wanted = [tag for tag in tags if not tag.startswith("~")]
    if any(has_tag(item, tag) for tag in unwanted):
        return False
    return not wanted or any(has_tag(item, tag) for tag in wanted)


def has_tag(item, tag):
    name, colon, value = tag.partition(":")
    return any(not colon or (mark.args and str(mark.args[0]) == value) for mark in item.iter_markers(name))


def is_part(nodeid, place):
    """`place` is "::Class", "::Class::test" or "::test[parameters]"."""
    rest = "::" + nodeid.partition("::")[2]
    return rest == place or rest.startswith((place + "::", place + "["))


def declarations(file, items):
    """[(line, items)]: tests, and classes with all that is in them. A test that a class inherits is at its method, and in
    each class that runs it."""
    path = os.path.abspath(file)
    class_lines = lines_of_classes(path)
    lines = {}
    for item in items:
        test_file, line, _ = item.reportinfo()
        if line is not None and os.path.abspath(test_file) == path:
            lines.setdefault(line + 1, []).append(item)
        for node in item.listchain():
            if isinstance(node, pytest.Class) and node.obj.__qualname__ in class_lines:
                lines.setdefault(class_lines[node.obj.__qualname__], []).append(item)
    return sorted(lines.items())


def lines_of_classes(path):
    """{"Outer.Inner": 12}; nothing for what is not Python."""
    lines = {}

    def visit(node, prefix):
        for child in getattr(node, "body", []):
            if isinstance(child, ast.ClassDef):
                name = prefix + child.name
                lines[name] = min([child.lineno] + [decorator.lineno for decorator in child.decorator_list])
                visit(child, name + ".")

    try:
        with open(path, "rb") as source:
            visit(ast.parse(source.read()), "")
    except (OSError, SyntaxError, ValueError):
        pass
    return lines


def declared_at(declared, line):
    """The items of the last declaration at or before `line`."""
    found = []
    for start, items in declared:
        if start > line:
            break
        found = items
    return found
