"""What others read: the dev container, the issue forms, and the notebooks that dashboards are made from."""

import builtins
import json
import re

import lessons
import pytest
import yaml

import course

FORMS = sorted((lessons.ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


@pytest.mark.parametrize("name", course.labs())
def test_a_lab_can_be_a_dashboard(name):
    """What stays of its lesson shows the lab, has no outputs, and uses no name of a cell that is left out."""
    cells = course.lab_alone(name)["cells"]
    code = ["".join(cell["source"]) for cell in cells]
    assert any(f"{name}lab(" in source.lower() for source in code)
    assert not any(cell["outputs"] for cell in cells)
    given = set().union(*map(lessons.stored, code)) | set(dir(builtins))
    assert set().union(*map(lessons.loaded, code)) <= given


def test_the_dev_container_names_what_exists():
    spec = json.loads((lessons.ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    minor = re.fullmatch(r"python:3\.(\d+)-\w+", spec["image"])[1]  # without a registry
    assert course.fits((3, int(minor)))
    for name in re.findall(r"course\.(\w+)\(", spec["onCreateCommand"]):
        assert callable(getattr(course, name))
    command, options = course.parse(spec["postAttachCommand"].removeprefix("python course.py ").split())
    assert command is course.lab
    assert spec["forwardPorts"] == [options.port] == [int(port) for port in spec["portsAttributes"]]
    interpreter = spec["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter.endswith("/.venv/bin/python")


@pytest.mark.parametrize("path", FORMS, ids=[path.stem for path in FORMS])
def test_an_issue_form_is_one(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.stem == "config":
        assert form == {"blank_issues_enabled": True}
        return
    assert {"name", "description", "body"} == set(form)
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert len({part["id"] for part in asked}) == len(asked) > 3
    for part in asked:
        assert part["type"] in ("input", "textarea", "dropdown")
        assert part["validations"] == {"required": True}  # what need not be told is not asked for
        options = part["attributes"].get("options", ["one"] * (part["type"] != "dropdown"))
        assert options
        assert all(isinstance(option, str) for option in options)


def test_the_form_for_lessons_lists_them_all():
    form = yaml.safe_load((FORMS[0].parent / "lesson.yml").read_text(encoding="utf-8"))
    titles = [f"{name[:2]} · {lessons.source(name).metadata['course']['title']}" for name in lessons.NAMES]
    assert form["body"][0]["attributes"]["options"] == titles


def test_commands_in_forms_exist():
    text = "".join(path.read_text(encoding="utf-8") for path in FORMS)
    for command in re.findall(r"(?:make|python course\.py) ([a-z]+)", text):
        assert command in course.COMMANDS
