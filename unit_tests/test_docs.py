"""The documentation and the code say the same: streams, keys, settings, messages, examples, links."""

import ast
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import source_campaign_stats
from integration_tests.synced import PYAIRBYTE
from source_campaign_stats.settings.manifest import read_manifest
from source_campaign_stats.settings.specification import required_of, settings_of
from unit_tests.builders import cleaned, complaint
from unit_tests.messages import CHANGING, GUIDE, explained_messages, unexplained

PACKAGE = Path(source_campaign_stats.__file__).parent
ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
COSTS = ROOT / "docs" / "costs.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

MANIFEST = read_manifest()
SPECIFICATION = MANIFEST["spec"]["connection_specification"]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next heading of the same or a higher level."""
    level = heading.split(" ", 1)[0]
    _, found, rest = text_of(page).partition(f"\n{heading}\n")
    assert found, f"{page.name} has no heading '{heading}'"
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row whose first cell begins with code."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def code_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# --- Streams ----------------------------------------------------------------------------------------------------------


def streams_of_manifest() -> dict[str, tuple[list[str], str]]:
    definitions = MANIFEST["definitions"]
    found = {}
    for group in MANIFEST["streams"]:
        for reference in group["streams"]:
            _, _, vendor, name = reference["$ref"].split("/")
            stream = definitions[vendor][name]
            mode = "incremental" if "incremental_sync" in stream else "full refresh"
            found[stream["name"]] = (stream["primary_key"], mode)
    return found


@pytest.mark.parametrize(("page", "heading"), [(README, "## Tables"), (GUIDE, "## Supported streams")])
def test_the_tables_of_streams_name_each_stream_with_its_key_and_sync_mode(page: Path, heading: str) -> None:
    table = section(page, heading).split("\n### ")[0]

    documented = {code_in(row[0])[0]: (code_in(row[1]), row[2]) for row in rows(table)}

    assert documented == streams_of_manifest()


def test_the_diagram_shows_each_stream_with_its_key() -> None:
    diagram = section(GUIDE, "## Supported streams").split("```mermaid")[1].split("```")[0]

    entities = re.findall(r"^    (\w+) \{\n(.*?)^    \}", diagram, re.MULTILINE | re.DOTALL)
    shown = {name: re.findall(r"^ +\w+ (\w+) PK", columns, re.MULTILINE) for name, columns in entities}

    assert shown == {name: key for name, (key, _) in streams_of_manifest().items()}


def test_the_diagram_shows_only_columns_that_exist() -> None:
    diagram = section(GUIDE, "## Supported streams").split("```mermaid")[1].split("```")[0]

    for name, columns in re.findall(r"^    (\w+) \{\n(.*?)^    \}", diagram, re.MULTILINE | re.DOTALL):
        schema = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
        shown = set(re.findall(r"^ +\w+ (\w+)", columns, re.MULTILINE))
        assert shown - set(schema["properties"]) == set(), name


# --- Settings ---------------------------------------------------------------------------------------------------------


def all_settings_of(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every setting that a person fills in, by its path, without the groups themselves."""
    for name, part in settings_of(schema).items():
        if part["type"] == "object":
            yield from all_settings_of(part, f"{path}{name}.")
            continue
        yield f"{path}{name}", {**part, "required": name in required_of(schema)}
        if part["type"] == "array" and part["items"]["type"] == "object":
            yield from all_settings_of(part["items"], f"{path}{name}.")


SETTINGS = dict(all_settings_of(SPECIFICATION))
CHOICES = {f"{name}.use" for name, schema in SPECIFICATION["properties"].items() if "oneOf" in schema}


def documented_settings() -> dict[str, list[str]]:
    return {code_in(row[0])[0]: row for row in rows(section(GUIDE, "### Settings"))}


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    assert set(documented_settings()) == set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_documented_with_its_title_and_default(name: str) -> None:
    setting, (_, title, obligation, allowed, *_) = SETTINGS[name], documented_settings()[name]

    assert title == setting["title"]
    if "default" in setting:
        assert code_in(obligation) == [json.dumps(setting["default"]).strip('"')]
    else:
        assert obligation.startswith("required" if setting["required"] else "optional")
    if "minimum" in setting:
        assert allowed == f"{setting['minimum']} to {setting['maximum']}"
    if "enum" in setting and name != "moengage.data_center":
        assert code_in(allowed) == setting["enum"]


def test_the_table_of_refreshes_names_only_settings_and_streams_that_exist() -> None:
    for row in rows(section(GUIDE, "### After changing X, refresh Y")):
        assert set(code_in(row[0])) <= set(SETTINGS)
        assert set(code_in(row[1])) <= set(streams_of_manifest())


def test_a_setting_whose_description_asks_for_a_refresh_is_in_the_table_of_refreshes() -> None:
    table = section(GUIDE, "### After changing X, refresh Y")

    asking = [name for name, setting in SETTINGS.items() if "refresh" in setting["description"]]

    assert [name for name in asking if f"`{name}`" not in table] == []


# --- Messages ---------------------------------------------------------------------------------------------------------


def template(node: ast.expr) -> str | None:
    """A text in the code, with `…` for what is put in at run time."""
    if isinstance(node, ast.Constant):
        return re.sub(r"%[.\d]*[sdfr]", CHANGING, node.value) if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else CHANGING for part in node.values)
    if isinstance(node, ast.BinOp):
        return (template(node.left) or CHANGING) + (template(node.right) or CHANGING)
    return None


def texts_in(node: ast.AST) -> Iterator[str]:
    """Every text of a module except docstrings; a text of several parts is one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        text = template(child) if isinstance(child, ast.expr) else None
        if text is None:
            yield from texts_in(child)
        else:
            yield text


def is_sentence(text: str) -> bool:
    """Whether a text is for people: it has several words and the end of a sentence."""
    is_pattern = "(?" in text
    return len(re.findall(r"[A-Za-z]+", text)) >= 2 and bool(re.search(r"[.?](\s|…|$)", text)) and not is_pattern


def messages_of(module: Path) -> Iterator[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return (text.strip().replace("\n", " ") for text in texts_in(tree) if is_sentence(text))


def messages_of_manifest(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            yield from messages_of_manifest(item)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name in ("error_message", "about_one"):
                yield value
            else:
                yield from messages_of_manifest(value)


def messages_of_code() -> set[str]:
    in_modules = {message for module in PACKAGE.rglob("*.py") for message in messages_of(module)}
    return in_modules | set(messages_of_manifest(MANIFEST))


def test_every_message_of_the_code_is_in_the_table_of_messages() -> None:
    assert sorted(messages_of_code() - explained_messages()) == []


def test_every_message_of_the_table_is_in_the_code() -> None:
    assert sorted(explained_messages() - messages_of_code()) == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("stats: Batch did not answer in time.", ""),
        (
            "stats: the numbers of 2 of 3 campaigns are missing; all others were read. The next sync asks for them "
            'again. o1 "Sale. Now!": Batch refused it (404: unknown id). ',
            "",
        ),
        ("Batch did not answer in time. It gave up after 3 tries.", "It gave up after 3 tries."),
        ("This needs a sign-in.", "This needs a sign-in."),
        ("BATCH DID NOT ANSWER IN TIME.", "BATCH DID NOT ANSWER IN TIME."),
        ("XXBatch did not answer in time.XX", "XXBatch did not answer in time.XX"),
        ('Look at "x". Then stop there.', ". Then stop there."),
    ],
)
def test_a_sentence_that_the_guide_does_not_explain_is_found(text: str, left: str) -> None:
    """The fixture `words_for_people` asks this of every message and line that a unit test hears."""
    assert unexplained(text) == left


def test_every_message_has_a_remedy() -> None:
    assert all(len(row) == 2 and row[1] for row in rows(section(GUIDE, "### Error messages")))


# --- Examples ---------------------------------------------------------------------------------------------------------


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)


def test_the_readmes_first_commands_are_make_demo_and_make_test_and_exist() -> None:
    first = blocks(README, "bash")[0].splitlines()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert first == ["make demo", "make test"]
    assert all(re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE) for command in first)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_command_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make (?:[A-Z]+=\S+ )?([a-z]+)", text_of(page), re.MULTILINE)

    assert set(named) - targets == set()


def test_the_readme_installs_the_pyairbyte_that_its_lines_are_tested_with() -> None:
    assert re.findall(r"pip install airbyte==(\S+)", text_of(README)) == [PYAIRBYTE]


def test_the_readme_is_one_page() -> None:
    assert len(text_of(README).splitlines()) <= 120


def examples() -> list[dict[str, Any]]:
    """The smallest configuration of the README, and the one of the guide that has every setting."""
    return [json.loads(blocks(README, "json")[0]), json.loads(section(GUIDE, "### An example").split("```")[1][4:])]


@pytest.mark.parametrize("configuration", examples(), ids=["README", "guide"])
def test_a_documented_configuration_is_accepted(configuration: dict[str, Any]) -> None:

    assert complaint(cleaned(configuration, SPECIFICATION), SPECIFICATION) is None


def test_the_readmes_configuration_reads_one_vendor_and_the_guides_has_every_setting() -> None:
    smallest, whole = ({path for path, _ in leaves(configuration)} for configuration in examples())

    assert {path.split(".")[0] for path in smallest} == {"start_date", "batch"}
    assert set(SETTINGS) - {"batch_legacy.apps"} <= whole


@pytest.mark.parametrize("configuration", examples(), ids=["README", "guide"])
def test_a_documented_configuration_shows_only_settings_that_exist_and_keys_that_are_made_up(
    configuration: dict[str, Any],
) -> None:
    for path, value in leaves(configuration):
        if path in CHOICES:
            continue
        assert path in SETTINGS, path
        if SETTINGS[path].get("airbyte_secret"):
            assert value.startswith("not-a-real-"), path


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
        for item in value:
            yield from leaves(item, path)
    else:
        yield path, value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_json_example_is_json(page: Path) -> None:
    for block in blocks(page, "json"):
        json.loads(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_names_the_image_of_this_version(page: Path) -> None:
    metadata = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))["data"]

    named = re.findall(r'airbyte/source-campaign-stats:([\w.]+)|[tT]ag"?[:= ]+[`"]([\d.]+)[`"]', text_of(page))

    assert {first or second for first, second in named} <= {metadata["dockerImageTag"]}


# --- Limits -----------------------------------------------------------------------------------------------------------


def rates() -> dict[str, list[tuple[str, float]]]:
    """Each budget of the manifest by its path: how many calls in how many seconds."""
    return {
        policy["matchers"][0]["url_path_pattern"]: [
            (str(rate["limit"]), float(rate["interval"].strip("PTS"))) for rate in policy["rates"]
        ]
        for policy in MANIFEST["api_budget"]["policies"]
    }


def test_the_table_of_limits_has_the_budgets_of_the_manifest() -> None:
    table = [line.strip("| ").split(" | ") for line in section(COSTS, "## Limits").splitlines()[3:7]]

    documented = [
        [(calls, float(seconds)) for calls, seconds in re.findall(r"(\S+) in ([\d.]+) s", row[2])] for row in table
    ]

    setting = "{{ config.get('batch', {}).get('requests_per_second', 1) }}"
    assert [
        [("`requests_per_second`" if calls == setting else calls, seconds) for calls, seconds in budget]
        for budget in rates().values()
    ] == documented
    for row, budget in zip(table, documented, strict=True):
        calls, seconds = budget[-1]
        number = round(60 / seconds * (int(calls) if calls.isdigit() else 1))
        assert row[3].split(" ")[0] == str(number), row


def test_the_examples_of_costs_follow_the_formulas_and_the_limits() -> None:
    table = [line.strip("| ").split(" | ") for line in section(COSTS, "## Calls of a sync").splitlines()]
    examples = [row for row in table if re.match(r"(small|medium|large):", row[0])]

    # Orchestrations: listed, asked at first, asked daily. Apps, and campaigns of each: live, others. Campaigns of
    # MoEngage: listed, with numbers on a day. Years.
    accounts = [(60, 40, 20, 1, 50, 0, 20, 10, 1), (1000, 400, 150, 3, 250, 50, 200, 60, 2)]
    accounts.append((10000, 2500, 600, 6, 1900, 100, 1000, 300, 2))
    for (text, *told), account in zip(examples, accounts, strict=True):
        listed, first, daily, apps, live, others, campaigns, busy, years = account
        half = [max(math.ceil((number - 1) / 99) + 1, 2) for number in (live, others)]
        of_the_list = math.ceil(campaigns / 15) + campaigns // 15 + 2
        pages, days = math.ceil(busy / 10), 365 * years
        calls = [
            *(math.ceil(listed / 100) + first, math.ceil(listed / 100) + daily),
            apps * (half[0] + 2 * half[1] + live + others),
            *(days * pages + of_the_list, 9 * pages + of_the_list),
        ]
        rates = [60 / 1.15, 60 / 1.15, 58 / 62 * 60, 97 / 62 * 60, 97 / 62 * 60]
        assert told == [f"{n:,} calls, {minutes(n / a_minute)}" for n, a_minute in zip(calls, rates, strict=True)], text
        assert set(re.findall(r"[\d,]*\d", text)) <= {f"{number:,}" for number in account}


def minutes(number: float) -> str:
    if number < 0.5:
        return "under 1 min"
    return f"{number:.0f} min" if number < 60 else f"{number // 60:.0f} h {number % 60:02.0f} min"


def test_how_far_back_batch_goes_is_documented_once_and_as_the_manifest_has_it() -> None:
    days = MANIFEST["definitions"]["batch"]["orchestration_stats"]["incremental_sync"]["start_datetime"]["min_datetime"]
    (number,) = re.findall(r"day_delta\(-(\d+),", days)

    named = [page.name for page in PAGES for _ in re.findall(rf"\b{number} days", text_of(page))]

    assert named == [COSTS.name]


# --- Links ------------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text_of(page), flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_leads_to_a_missing_file_or_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", text_of(page)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`(?:source_campaign_stats/)?(\w+\.(?:py|yaml))`", text_of(page)))
    there = {path.name for folder in ("*", "unit_tests/*", "integration_tests/**/*") for path in ROOT.glob(folder)}
    there |= {path.name for path in PACKAGE.rglob("*")}

    assert named - there == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_refers_to_a_folder_outside_the_project(page: Path) -> None:
    assert not re.search(r"\.\./shared|/work/|vendor-docs|vendor-facts|cdk-notes", text_of(page))
