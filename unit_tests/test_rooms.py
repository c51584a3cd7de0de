"""Only `cdk/door.py` uses private names of the CDK, and only the module of a vendor knows its name."""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from airbyte_cdk.sources.streams.http import http_client

import source_campaign_stats
from source_campaign_stats.cdk import door
from source_campaign_stats.vendors import VENDORS

PACKAGE = Path(source_campaign_stats.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
DOOR = PACKAGE / "cdk" / "door.py"
VENDOR_MODULES = {PACKAGE / "vendors" / f"{vendor.name}.py" for vendor in VENDORS}


def name_of(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def names_the_cdk_gives(node: ast.ClassDef, module: Path) -> set[str]:
    """The private names that a class of ours inherits from classes of the CDK."""
    parts = module.relative_to(PACKAGE.parent).with_suffix("").parts
    made = getattr(import_module(".".join(parts)), node.name)
    above = [base for base in made.__mro__[1:] if base.__module__.startswith("airbyte_cdk")]
    text = "\n".join(inspect.getsource(base) for base in above)
    return set(re.findall(r"\b_[a-z]\w*", text))


def private_names_of_others(module: Path) -> Iterator[str]:
    """Each use of a private name that belongs to something else than the module's own classes."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield f"{name_of(module)}:{node.lineno} {node.attr}"
        elif isinstance(node, ast.ImportFrom) and "airbyte_cdk" in (node.module or ""):
            yield from (
                f"{name_of(module)}:{node.lineno} {alias.name}" for alias in node.names if is_private(alias.name)
            )
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "setattr", "hasattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant) and is_private(str(name.value)):
                yield f"{name_of(module)}:{node.lineno} {name.value}"
        elif isinstance(node, ast.ClassDef):
            given = names_the_cdk_gives(node, module)
            for part in ast.walk(node):
                used = getattr(part, "attr", getattr(part, "name", ""))
                if isinstance(part, (ast.Attribute, ast.FunctionDef)) and is_private(used) and used in given:
                    yield f"{name_of(module)}:{part.lineno} {used} of {node.name}"


# `os._exit` is public in spite of its name.
ALLOWED = {"_exit"}


@pytest.mark.parametrize("module", [module for module in MODULES if module != DOOR], ids=name_of)
def test_no_module_but_the_door_uses_a_private_name_of_another_package(module: Path) -> None:
    found = [use for use in private_names_of_others(module) if use.split(" ")[1] not in ALLOWED]

    assert found == []


def test_the_door_has_at_most_ten_private_names_and_says_why_it_needs_each() -> None:
    names = re.findall(r'_part\([^"]*"(_\w+)"\)', DOOR.read_text(encoding="utf-8"))
    words = " ".join(inspect.getdoc(function) or "" for _, function in inspect.getmembers(door, inspect.isfunction))

    assert 0 < len(names) <= 10
    assert [name for name in names if f"`{name}`" not in words] == []
    functions = [f for _, f in inspect.getmembers(door, inspect.isfunction) if f.__module__ == door.__name__]
    assert words.count("would replace it") == len([f for f in functions if not f.__name__.startswith("_")])


def test_what_the_door_silences_is_still_what_the_cdk_does() -> None:
    source = inspect.getsource(http_client)

    assert re.findall(r"print\(.*", source) == ['print(f"{message}\\n", end="", flush=True)']
    assert "RATE_LIMITED)]" in source


def test_a_private_name_that_the_cdk_no_longer_has_is_named_in_the_error() -> None:
    with pytest.raises(RuntimeError, match=r"airbyte-cdk [\d.]+ has no SimpleNamespace._http_client any more"):
        door.session_of(SimpleNamespace())  # type: ignore[arg-type]


@pytest.mark.parametrize("module", [module for module in MODULES if module not in VENDOR_MODULES], ids=name_of)
def test_only_a_vendors_own_module_and_the_list_know_its_name(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    if module == PACKAGE / "vendors" / "__init__.py":
        text = text.replace("batch_legacy", "").replace("BATCH_LEGACY", "")
        assert sorted(set(re.findall(r"(?i)batch|moengage", text))) == ["BATCH", "MOENGAGE", "batch", "moengage"]
        return
    names = r"(?i)\bbatch|moengage|moe-appkey|\bMEP\b|\bCEP\b|\blegacy\b|orchestration"

    assert re.findall(names, text) == []


def test_at_the_top_of_the_package_stands_only_what_a_person_looks_for_first() -> None:
    at_the_top = {path.name for path in PACKAGE.iterdir() if path.is_file()}

    assert at_the_top == {"manifest.yaml", "source.py", "run.py", "__main__.py", "__init__.py"}
