"""Files and arguments that can't work: the message names the file, its role and the place in it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from source_campaign_stats.process.arguments import parsed
from source_campaign_stats.process.inputs import inputs_of, made
from source_campaign_stats.process.mistake import Mistake
from unit_tests.builders import ConfigBuilder

ROLES = {"config": "configuration", "catalog": "catalog", "state": "state"}
KEY = "batch-rest-key-0001"
CONFIG = json.dumps(ConfigBuilder().with_batch().build(), indent=2)
STREAM = {"name": "orchestrations", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
CONFIGURED = {"stream": STREAM, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
CATALOG = {"streams": [CONFIGURED]}
CATALOG_MESSAGE = {"type": "CATALOG", "catalog": {"streams": [STREAM]}}
STATE = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "a_stats"}, "stream_state": {"date": "2026-11-20"}}}
STATE_MESSAGE = {"type": "STATE", "state": STATE}
LOG = {"type": "LOG", "log": {"level": "INFO", "message": "x"}}


def lines(*messages: Any) -> str:
    return "\n".join(map(json.dumps, messages)) + "\n"


class Folder:
    """A folder with valid files of a `read`; a test replaces one of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.put("config", CONFIG)
        self.put("catalog", json.dumps(CATALOG))
        self.put("state", "[]")

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.path / f"{name}.json"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, **others: str) -> Any:
        names = ("config", "catalog", "state")
        paths = {name: others.get(name, str(self.path / f"{name}.json")) for name in names}
        return inputs_of(parsed(["read", *(word for name in names for word in (f"--{name}", paths[name]))]))

    def refusal(self, **others: str) -> str:
        with pytest.raises(Mistake) as told:
            self.read(**others)
        assert KEY not in str(told.value)
        return str(told.value)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty"),
    "of blanks": (" \n\t", "is empty"),
    "cut off": (CONFIG[:60], "ends too early"),
    "cut off in a text": (CONFIG[:45], "ends too early"),
    "YAML": (f"start_date: 2026-01-01\nbatch:\n  rest_api_key: {KEY}\n", "is YAML"),
    "YAML with a document mark": (f"---\nbatch: {{rest_api_key: {KEY}}}\n", "is YAML"),
    "UTF-16": (CONFIG.encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (CONFIG.encode("utf-16-le"), "UTF-16"),
    "Latin-1": (b'{\n"a": "\xe9"}', "line 2 has another encoding"),
    "in single quotation marks": (
        f"{{'rest_api_key': '{KEY}'}}",
        "line 1, column 2: JSON wants double quotation marks",
    ),
    "with a comma too many": (f'{{"a": "{KEY}",\n}}', "there is a comma before the closing bracket"),
    "with a comment": (f'{{\n// {KEY}\n"a": 1}}', "line 2, column 1: JSON has no comments"),
    "without a comma": (f'{{"a": "{KEY}"\n"b": 1}}', "is no JSON at line 2, column 1"),
    "two in one": (CONFIG + CONFIG, "there is something after its end"),
    "with half a character": ('["\\ud800"]', "holds half of a character"),
    "too deep": ("[" * 100_000, "is nested too deeply"),
}


@pytest.mark.parametrize("option", ["config", "catalog", "state"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_reported_with_its_role_its_path_and_the_place(folder: Folder, option: str, name: str) -> None:
    content, words = BROKEN[name]
    path = folder.put(option, content)

    message = folder.refusal()

    assert message.startswith(f'The {ROLES[option]} "{path}"')
    assert words in message


@pytest.mark.parametrize("option", ["config", "catalog", "state"])
def test_a_path_that_is_no_file_is_reported(folder: Folder, option: str) -> None:
    assert "is not there" in folder.refusal(**{option: str(folder.path / "missing.json")})
    assert "is a folder" in folder.refusal(**{option: str(folder.path)})
    assert "a part of its path is a file" in folder.refusal(**{option: str(folder.path / "config.json" / "x")})
    assert "takes the path of a file" in folder.refusal(**{option: ""})
    assert "can't be read" in folder.refusal(**{option: "/" + "x" * 5000})


def test_a_file_that_the_user_may_not_read_is_reported(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Path) -> bytes:
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", forbidden)

    assert f"can't be read by the user {os.getuid()}" in folder.refusal()


@pytest.mark.parametrize("given", [CONFIG, f'{{"a":"{KEY}"}}'])
def test_a_configuration_in_the_place_of_its_path_is_not_repeated(folder: Folder, given: str) -> None:
    assert "has to be put into a file" in folder.refusal(config=given)


def test_a_key_in_the_place_of_a_path_is_not_repeated(folder: Folder) -> None:
    assert "is not there" in folder.refusal(config=KEY)


def test_a_name_that_a_person_typed_twice_is_reported(folder: Folder) -> None:
    folder.put("config", '{"batch": {}, "batch": {}}')

    assert 'the name "batch" twice' in folder.refusal()


def test_a_name_that_a_program_wrote_twice_into_a_state_is_taken(folder: Folder) -> None:
    # As PyAirbyte writes it.
    folder.put("state", f'[{json.dumps(STATE)[:-1]}, "global_": null, "global_": null}}]')

    assert folder.read().state == [STATE]


def test_a_byte_order_mark_is_taken(folder: Folder) -> None:
    folder.put("config", CONFIG.encode("utf-8-sig"))

    assert folder.read().config == json.loads(CONFIG)


OTHERS: dict[str, tuple[str, str, str]] = {
    "a list as configuration": ("config", f"[{CONFIG}]", "has to be an object"),
    "a catalog as configuration": ("config", json.dumps(CATALOG), "is a catalog"),
    "a state as configuration": ("config", json.dumps(STATE), "is the output of a command"),
    "discover's output": ("catalog", lines(LOG, CATALOG_MESSAGE), "is the output of a command"),
    "discover's one line": ("catalog", lines(CATALOG_MESSAGE), "is a message of discover"),
    "discover's catalog": ("catalog", json.dumps({"streams": [STREAM]}), "is what discover prints"),
    "names": ("catalog", '{"streams": ["orchestrations"]}', 'stream 1 has to be an object with an object "stream"'),
    "a list of streams": ("catalog", json.dumps([CONFIGURED]), 'an object with a list "streams"'),
    "no stream": ("catalog", '{"streams": []}', "has no stream"),
    "no sync mode": (
        "catalog",
        json.dumps({"streams": [{"stream": STREAM}]}),
        'stream "orchestrations" lacks the field "sync_mode"',
    ),
    "another sync mode": (
        "catalog",
        json.dumps({"streams": [CONFIGURED | {"sync_mode": "Incremental"}]}),
        'The field "sync_mode"',
    ),
    "another destination mode": (
        "catalog",
        json.dumps({"streams": [CONFIGURED | {"destination_sync_mode": "dedup"}]}),
        'The field "destination_sync_mode"',
    ),
    "no name": ("catalog", json.dumps({"streams": [CONFIGURED | {"stream": {}}]}), 'stream 1 lacks the field "name"'),
    "a text as cursor": (
        "catalog",
        json.dumps({"streams": [CONFIGURED | {"cursor_field": "date"}]}),
        'The field "cursor_field"',
    ),
    "a flat key": (
        "catalog",
        json.dumps({"streams": [CONFIGURED | {"primary_key": ["id"]}]}),
        'The field "primary_key"',
    ),
    "read's output": ("state", lines(LOG, STATE_MESSAGE), "is the output of a command"),
    "a line of read's output": ("state", lines(STATE_MESSAGE), "is one message"),
    "a line of a log": ("state", lines(LOG), "is a line of a command's output"),
    "messages in a list": ("state", json.dumps([STATE_MESSAGE]), "is the output of a command"),
    "one state": ("state", json.dumps(STATE), "is one message"),
    "a map by stream": ("state", '{"a_stats": {"date": "2026-11-20"}}', "is a map by stream"),
    "a date": ("state", '{"date": "2026-11-20"}', "has to be a list"),
    "a text": ("state", '"2026-11-20"', "has to be a list"),
    "texts in a list": ("state", '["2026-11-20"]', "entry 1 is no state message"),
    "no descriptor": ("state", '[{"type": "STREAM", "stream": {}}]', 'lacks the "name"'),
    "a global state": ("state", '[{"type": "GLOBAL", "global": {"stream_states": []}}]', "is of no stream"),
    "an old state with data": (
        "state",
        '[{"type": "LEGACY", "data": {"a": {"date": "2026-11-20"}}}]',
        "is of no stream",
    ),
    "a text as state": (
        "state",
        json.dumps([{"type": "STREAM", "stream": {"stream_descriptor": {"name": "a"}, "stream_state": "x"}}]),
        "Refresh the stream",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_wrong_kind_of_file_is_reported_with_the_command_that_makes_the_right_one(folder: Folder, name: str) -> None:
    option, content, words = OTHERS[name]
    path = folder.put(option, content)

    message = folder.refusal()

    assert words in message
    assert f'The file is "{path}".' in message
    if "output of a command" in message and option != "config":
        assert f'Make it with "source-campaign-stats {option}"' in message


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "null",
        "[]",
        '{"date": ""}',
        '{"date": null}',
        '{"type": "LEGACY"}',
        '[{"type": "LEGACY", "data": {}}]',
        '{"data": {}}',
    ],
)
def test_an_empty_state_is_none(folder: Folder, content: str) -> None:
    folder.put("state", content)

    assert folder.read().state == []


@pytest.mark.parametrize("field", ["destination_sync_mode", "json_schema", "supported_sync_modes"])
def test_a_catalog_may_lack_fields_that_do_not_matter(folder: Folder, field: str) -> None:
    stream = {name: value for name, value in STREAM.items() if name != field}
    item = {name: value for name, value in CONFIGURED.items() if name != field} | {"stream": stream}
    folder.put("catalog", json.dumps({"streams": [item]}))

    [taken] = folder.read().catalog["streams"]

    assert (taken["stream"]["name"], taken["sync_mode"]) == ("orchestrations", "full_refresh")


# --- The commands that make files -------------------------------------------------------------------------------------


def test_read_takes_the_catalog_that_is_made_from_the_output_of_discover(folder: Folder) -> None:
    stats = {"name": "a_stats", "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]} | {
        "source_defined_primary_key": [["id"], ["date"]],
        "default_cursor_field": ["date"],
    }
    output = folder.put("out", lines(LOG, {"type": "CATALOG", "catalog": {"streams": [STREAM, stats]}}))

    folder.put("catalog", made("catalog", str(output)))

    modes = [(item["stream"]["name"], item["sync_mode"]) for item in folder.read().catalog["streams"]]
    assert modes == [("orchestrations", "full_refresh"), ("a_stats", "incremental")]


def test_the_last_state_of_each_stream_is_taken_even_from_an_output_that_was_cut_off(folder: Folder) -> None:
    def of(name: str, day: str) -> dict[str, Any]:
        stream = {"stream_descriptor": {"name": name}, "stream_state": {"date": day}}
        return {"type": "STATE", "state": {"type": "STREAM", "stream": stream, "sourceStats": {"recordCount": 1}}}

    text = lines(LOG, of("a", "2026-11-01"), of("b", "2026-11-02"), of("a", "2026-11-03")) + '{"type": "STATE", "sta'
    folder.put("state", made("state", str(folder.put("out", text))))

    states = {
        state["stream"]["stream_descriptor"]["name"]: state["stream"]["stream_state"] for state in folder.read().state
    }
    assert states == {"a": {"date": "2026-11-03"}, "b": {"date": "2026-11-02"}}


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_a_state_that_holds_a_line_separator_is_taken(folder: Folder, separator: str) -> None:
    """The name of an app may have one."""
    for day, owed in (("2026-11-01", []), ("2026-11-02", [[f"Shop{separator}iOS", "token", "2026-11-01"]])):
        stream = {"stream_descriptor": {"name": "a"}, "stream_state": {"date": day, "owed": owed}}
        state = {"type": "STATE", "state": {"type": "STREAM", "stream": stream}}
        with (folder.path / "out").open("a", encoding="utf-8", newline="") as out:
            out.write(json.dumps(state, ensure_ascii=False) + "\n")

    folder.put("state", made("state", str(folder.path / "out")))

    [state] = folder.read().state
    assert state["stream"]["stream_state"]["owed"] == [[f"Shop{separator}iOS", "token", "2026-11-01"]]


@pytest.mark.parametrize("command", ["catalog", "state"])
@pytest.mark.parametrize("text", ["", "x", lines(LOG), '{"type": "STATE"}', '{"type": "CATALOG"}'])
def test_an_output_without_the_right_messages_is_reported(folder: Folder, command: str, text: str) -> None:
    with pytest.raises(Mistake, match="Give"):
        made(command, str(folder.put("out", text)))


def test_an_output_that_is_not_there_is_reported(folder: Folder) -> None:
    with pytest.raises(Mistake, match="can't be read"):
        made("state", str(folder.path / "missing"))


# --- Arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chek", "--config", KEY], "There is no such command. Did you mean check?"),
        (["check", "--confg", KEY], "no option --confg. Did you mean --config?"),
        (["check", f"--confg={KEY}"], "no option --confg. Did you mean --config?"),
        (["check", "--config", "c", KEY], "There is 1 argument too many."),
        (["check", "--config", '{"a":', f'"{KEY}"', "}"], "There are 2 arguments too many."),
        (["check", "--config", "a", "--config", KEY], "The option --config is given twice."),
        (["check", "--manifest-path", KEY, "--config", "c"], "no option --manifest-path."),
        (["check", f"--{KEY}", "x"], "1 argument too many"),
        (["check", f"--debug={KEY}", "--config", "c"], "an argument that this command does not take"),
        (["check", "--config"], "expected one argument"),
        (["read", "--config", "c"], "required: --catalog"),
        (["spec", "--config", KEY], "no option --config"),
        ([KEY], "There is no such command."),
        ([], "required: COMMAND"),
    ],
    ids=str,
)
def test_arguments_that_no_command_takes_are_reported_without_quoting_them(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(arguments)

    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    assert words in printed.err
    assert KEY not in printed.err
