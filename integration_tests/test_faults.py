"""A sync that succeeds has every row. Any other sync fails with a message that says what to do."""

import re

import pytest

from integration_tests.conftest import STREAMS, World
from integration_tests.process import FAST, Output, run
from integration_tests.sandbox import ENDPOINTS, Fault, Request

LISTS = {"batch_list": "orchestrations", "legacy_list": "legacy_campaigns", "moengage_campaigns": "moengage_campaigns"}
STATS = {
    "batch_stats": "orchestration_stats",
    "legacy_stats": "legacy_campaign_stats",
    "legacy_transactional_stats": "legacy_transactional_stats",
    "moengage_stats": "moengage_campaign_stats",
}
STREAM_OF = LISTS | STATS
# A few faults, most of which only a real connection can have. The unit tests cover every status, and every answer that
# is not the documented one.
PASSING = ("503", "429", "reset", "tls_cut", "handshake_cut", "hang", "html", "cut_body", "redirect")
CONTRADICTIONS = {
    "has_more_stuck": "batch_list",
    "has_more_without_next": "batch_list",
    "fewer_campaigns": "moengage_stats",
}


def streams_that_fail_with(endpoint: str) -> set[str]:
    """The streams that fail with an endpoint. If a list fails, the statistics that need it fail too."""
    needs = {"batch_list": "orchestration_stats", "legacy_list": "legacy_campaign_stats"}
    return {STREAM_OF[endpoint]} | ({needs[endpoint]} if endpoint in needs else set())


def assert_only_these_streams_fail(world: World, output, failing: set[str]) -> None:  # type: ignore[no-untyped-def]
    assert output.exit_code != 0, output.text[-3000:]
    assert {name for name, status in output.statuses.items() if status == "INCOMPLETE"} == failing, output.statuses
    others = tuple(name for name in STREAMS if name not in failing)
    assert not world.faults(output, others)
    for stream in failing:
        assert len(output.errors_of(stream)) == 1, output.errors_of(stream)


@pytest.mark.parametrize("kind", PASSING)
def test_one_fault_on_each_endpoint_is_survived_with_all_rows(world: World, kind: str) -> None:
    hosts = ("batch_list", "moengage_stats")
    for endpoint in hosts if kind == "handshake_cut" else ENDPOINTS:
        world.sandbox.inject(Fault(kind, endpoint, seconds=10 if kind == "hang" else None))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert output.exit_code == 0, output.text[-3000:]
    assert not world.faults(output)
    assert world.sandbox.faults_left == 0
    print(f"{kind}: {sum(1 for request in world.sandbox.requests if request.fault)} faults survived")


@pytest.mark.parametrize(("kind", "endpoint"), CONTRADICTIONS.items())
def test_one_answer_that_contradicts_itself_is_survived_with_all_rows(world: World, kind: str, endpoint: str) -> None:
    world.sandbox.inject(Fault(kind, endpoint))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert output.exit_code == 0, output.text[-3000:]
    assert not world.faults(output)
    assert world.sandbox.faults_left == 0


@pytest.mark.parametrize("kind", ["503", "429", "reset", "html", "cut_body"])
@pytest.mark.parametrize("endpoints", [tuple(LISTS), tuple(STATS)], ids=["lists", "statistics"])
def test_a_fault_that_stays_fails_its_streams_with_one_message_each(
    world: World, kind: str, endpoints: tuple[str, ...]
) -> None:
    for endpoint in endpoints:
        world.sandbox.inject(Fault(kind, endpoint, times=None))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    failing = set().union(*(streams_that_fail_with(endpoint) for endpoint in endpoints))
    assert_only_these_streams_fail(world, output, failing)
    for stream in failing:
        assert re.search(r"Batch|MoEngage", output.errors_of(stream)[0])
        if stream.endswith("_stats"):
            assert "date" not in output.states[stream]["stream"]["stream_state"]


@pytest.mark.parametrize("kind", ["has_more_stuck", "has_more_without_next"])
def test_a_list_that_always_contradicts_itself_fails_its_streams(world: World, kind: str) -> None:
    world.sandbox.inject(Fault(kind, "batch_list", times=None))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert_only_these_streams_fail(world, output, streams_that_fail_with("batch_list"))


def test_if_the_total_never_fits_the_campaigns_shown_are_taken_and_the_log_says_so(world: World) -> None:
    world.sandbox.inject(Fault("fewer_campaigns", "moengage_stats", times=None))
    stream = "moengage_campaign_stats"
    output = run("read", world.config, world.sandbox.environment, streams=[stream], executable=FAST)
    assert output.exit_code == 0, output.text[-3000:]
    assert any("each time it is asked: those that it shows are taken" in line for line in output.logs)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_refused_key_ends_its_streams_at_once_and_names_the_key_and_the_page(world: World, endpoint: str) -> None:
    world.sandbox.inject(Fault("401", endpoint, times=None))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert_only_these_streams_fail(world, output, streams_that_fail_with(endpoint))
    error = next(error for error in output.errors if error["message"].startswith(STREAM_OF[endpoint]))
    assert error["failure_type"] == "config_error"
    assert "key" in error["message"]
    assert "dashboard" in error["message"]
    refused = [request for request in world.sandbox.calls(endpoint) if request.status == 401]
    assert len(refused) <= 1 + 20, "more further calls than workers"


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("moengage_stats", "no access to campaign statistics"),
        ("moengage_campaigns", "no access to campaign statistics"),
        ("legacy_list", "API_MISUSE"),
    ],
)
def test_a_feature_that_is_off_ends_its_streams_with_that_reason(world: World, endpoint: str, words: str) -> None:
    world.sandbox.inject(Fault("403", endpoint, times=None))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert_only_these_streams_fail(world, output, streams_that_fail_with(endpoint))
    error = next(error for error in output.errors if error["message"].startswith(STREAM_OF[endpoint]))
    assert error["failure_type"] == "config_error"
    assert words in error["message"]


@pytest.mark.parametrize("status", ["400", "404"])
@pytest.mark.parametrize("endpoint", LISTS)
def test_a_list_that_is_refused_fails_its_streams(world: World, endpoint: str, status: str) -> None:
    world.sandbox.inject(Fault(status, endpoint, times=None))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert_only_these_streams_fail(world, output, streams_that_fail_with(endpoint))


def campaign_asked(request: Request) -> str:
    """The id or token of the campaign whose statistics are asked."""
    return request.query["orchestration_id"][0] if request.endpoint == "batch_stats" else request.path.split("/")[-1]


def rows_of(output: Output, stream: str, campaign: str) -> set[str]:
    return {str(row) for row in output.records(stream) if campaign in row.values()}


@pytest.mark.parametrize(
    ("endpoint", "status", "advice"),
    [("batch_stats", "400", '"Orchestrations to skip"'), ("legacy_stats", "403", '"Campaigns to skip"')],
)
def test_one_refused_campaign_is_missing_alone_and_comes_with_the_next_sync(
    world: World, endpoint: str, status: str, advice: str
) -> None:
    stream = STATS[endpoint]
    first = run("read", world.config, world.sandbox.environment, streams=[stream], executable=FAST)
    victim, usual = campaign_asked(world.sandbox.calls(endpoint)[0]), len(world.sandbox.calls())
    refuses_it = Fault(status, endpoint, times=None, match=lambda request: campaign_asked(request) == victim)
    world.sandbox.inject(refuses_it)

    second = run("read", world.config, world.sandbox.environment, streams=[stream], state=first.states, executable=FAST)
    world.sandbox.clear()
    still = run("read", world.config, world.sandbox.environment, streams=[stream], state=second.states, executable=FAST)
    asked_while_it_is_owed = len(world.sandbox.calls())
    world.sandbox.clear_faults()
    healed = run("read", world.config, world.sandbox.environment, streams=[stream], state=still.states, executable=FAST)

    for output in (second, still):
        assert output.statuses[stream] == "INCOMPLETE"
        [message] = output.errors_of(stream)
        assert victim in message
        assert advice in message
        state = output.states[stream]["stream"]["stream_state"]
        assert state["date"] == str(world.last_day)
        [[*owed, since]] = state["owed"]
        assert (owed[-1], since) == (victim, str(world.first_day))
        assert output.records(stream)
        assert not rows_of(output, stream, victim)
    assert asked_while_it_is_owed <= usual + 3
    assert healed.exit_code == 0
    assert healed.states[stream]["stream"] == first.states[stream]["stream"]
    assert rows_of(healed, stream, victim) == rows_of(first, stream, victim)


@pytest.mark.parametrize("status", ["400", "403", "404"])
@pytest.mark.parametrize("endpoint", ["batch_stats", "legacy_stats"])
def test_a_refusal_that_goes_away_loses_nothing(world: World, endpoint: str, status: str) -> None:
    world.sandbox.inject(Fault(status, endpoint))
    output = run("read", world.config, world.sandbox.environment, streams=[STATS[endpoint]], executable=FAST)
    assert output.exit_code == 0, output.text[-3000:]
    assert not world.faults(output, (STATS[endpoint],))


@pytest.mark.parametrize("endpoint", ["batch_stats", "legacy_stats"])
def test_a_campaign_deleted_during_the_sync_is_left_out_and_the_log_says_so(world: World, endpoint: str) -> None:
    deleted: list[str] = []

    def delete_the_first(request: Request) -> bool:
        if not deleted:
            deleted.append(campaign_asked(request))
            account = world.account
            account.orchestrations[:] = [one for one in account.orchestrations if one.id not in deleted]
            for app in account.apps:
                app.campaigns[:] = [one for one in app.campaigns if one.token not in deleted]
        return False

    world.sandbox.inject(Fault("500", endpoint, times=None, match=delete_the_first))
    output = run("read", world.config, world.sandbox.environment, streams=[STATS[endpoint]], executable=FAST)
    assert output.exit_code == 0, output.text[-3000:]
    assert any("was deleted" in line and deleted[0] in line for line in output.logs)
    assert output.states[STATS[endpoint]]["stream"]["stream_state"] == {"date": str(world.last_day)}
    assert not world.faults(output, (STATS[endpoint],))


@pytest.mark.parametrize("endpoint", ["batch_stats", "legacy_stats"])
def test_a_vendor_that_knows_none_of_the_campaigns_it_lists_fails_the_stream(world: World, endpoint: str) -> None:
    world.sandbox.inject(Fault("404", endpoint, times=None))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert_only_these_streams_fail(world, output, {STATS[endpoint]})


def test_a_configured_token_that_is_unknown_is_a_configuration_error_that_names_it(world: World) -> None:
    app = world.config["batch_legacy"]["apps"][0]
    app["campaign_tokens"] = ["no-such-token"]
    output = run("read", world.config, world.sandbox.environment, streams=["legacy_campaign_stats"], executable=FAST)
    assert output.exit_code != 0
    assert "no-such-token" in output.errors[0]["message"]
    assert output.errors[0]["failure_type"] == "config_error"


def test_ten_refusals_in_a_row_end_the_stream(world: World) -> None:
    world.sandbox.inject(Fault("400", "batch_stats", times=None))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert_only_these_streams_fail(world, output, {"orchestration_stats"})
    # Ten campaigns, and up to ten more that were under way at the same time; each is asked twice.
    assert len(world.sandbox.calls("batch_stats")) <= 2 * (10 + 10)


def test_a_list_that_fails_on_its_second_page_moves_no_state_and_the_next_sync_has_everything() -> None:
    from integration_tests.sandbox import Sandbox, make_account

    account = make_account(seed=5, days=10, orchestrations=130, legacy_campaigns=2, moengage_campaigns=3)
    with Sandbox(account) as sandbox:
        world = World(sandbox, account, days=5)
        streams = ("orchestrations", "orchestration_stats")
        sandbox.inject(Fault("html", "batch_list", times=None, skip=1))
        first = run("read", world.config, sandbox.environment, streams=streams, executable=FAST)
        sandbox.clear_faults()
        second = run("read", world.config, sandbox.environment, streams=streams, state=first.states, executable=FAST)
    assert first.exit_code != 0
    assert not first.records("orchestration_stats")
    assert second.exit_code == 0
    assert not world.faults(second, streams)


def test_an_app_whose_list_fails_moves_no_state_and_the_next_sync_has_everything(world: World) -> None:
    streams = ("legacy_campaigns", "legacy_campaign_stats")
    second_app = world.config["batch_legacy"]["apps"][1]["name"]
    fault = Fault("503", "legacy_list", times=None, match=lambda request: f"/{second_app}/" in request.path)
    world.sandbox.inject(fault)
    first = run("read", world.config, world.sandbox.environment, streams=streams, executable=FAST)
    world.sandbox.clear_faults()
    second = run("read", world.config, world.sandbox.environment, streams=streams, state=first.states, executable=FAST)
    assert first.exit_code != 0
    assert not first.records("legacy_campaign_stats")
    assert second.exit_code == 0
    assert not world.faults(second, streams)


@pytest.mark.parametrize("named", [{"retry_after": 7}, {"retry_after": 7, "header": {"x-ratelimit-reset": "0"}}])
def test_the_wait_that_a_vendor_names_is_kept_in_full(world: World, named: dict[str, object]) -> None:
    world.sandbox.inject(Fault("429", "batch_list", **named))  # type: ignore[arg-type]
    output = run("read", world.config, world.sandbox.environment, streams=["orchestrations"])
    refused, answered = world.sandbox.calls("batch_list")
    assert output.exit_code == 0
    assert 7 <= answered.at - refused.at < 12


@pytest.mark.parametrize("endpoint", ["batch_list", "legacy_list"])
def test_after_too_many_requests_batch_is_asked_again_five_seconds_later_or_more(world: World, endpoint: str) -> None:
    world.sandbox.inject(Fault("429", endpoint))
    output = run("read", world.config, world.sandbox.environment, streams=[LISTS[endpoint]])
    refused = next(request for request in world.sandbox.calls(endpoint) if request.status == 429)
    again = next(
        request
        for request in world.sandbox.calls(endpoint)
        if request.at > refused.at and (request.path, request.query) == (refused.path, refused.query)
    )
    assert output.exit_code == 0
    assert 5 <= again.at - refused.at < 9


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_wait_of_more_than_ten_minutes_ends_the_stream_and_is_named(world: World, endpoint: str) -> None:
    world.sandbox.inject(Fault("429", endpoint, times=None, retry_after=1800))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS)
    assert_only_these_streams_fail(world, output, streams_that_fail_with(endpoint))
    assert "1800 seconds" in output.errors_of(STREAM_OF[endpoint])[0]
    assert output.seconds < 60
