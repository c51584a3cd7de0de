"""The errors of this connector: each tells a person what happened and what to do."""

import re
from typing import Any

import requests
from airbyte_cdk.models import AirbyteMessage, FailureType, StreamDescriptor
from airbyte_cdk.sources.streams.http.exceptions import BaseBackoffException
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.cdk.door import cause_of

_LONGEST_QUOTATION = 60


class ItemRefusedError(AirbyteTracedException):
    """The vendor refuses this one campaign or day: the others can be read, but the stream is incomplete."""


class LastWords(AirbyteMessage):
    """An error message that is printed after everything else."""


class SaidLastError(AirbyteTracedException):
    """An error about single campaigns. Printed last: Airbyte decides about another attempt by the first error."""

    def __init__(self, message: str, failure_type: FailureType) -> None:
        super().__init__(message=message, internal_message=message, failure_type=failure_type)

    def as_airbyte_message(self, stream_descriptor: StreamDescriptor | None = None) -> AirbyteMessage:
        message = super().as_airbyte_message(stream_descriptor)
        return LastWords(type=message.type, trace=message.trace)


class UnfitValueError(AirbyteTracedException):
    """A value of an answer that can't be made to fit its column, of one campaign if that is known.

    The code that catches it adds which slice it is.
    Example: `UnfitValueError("versions.sent", "many", "a whole number")` says `The column "versions.sent" holds the
    text "many" where a whole number belongs.`
    """

    def __init__(self, column: str, value: Any, wanted: str, campaign: str = "") -> None:
        self.column, self.value, self.wanted = column, value, wanted
        held = f"{_shown(value)} for the campaign {campaign}" if campaign else _shown(value)
        message = f'The column "{column}" holds {held} where {wanted} belongs.'
        super().__init__(message=message, internal_message=message, failure_type=FailureType.transient_error)


class WaitTooLongError(AirbyteTracedException):
    """The vendor names a wait that is longer than a sync waits."""

    def __init__(self, message: str) -> None:
        super().__init__(message=message, internal_message=message, failure_type=FailureType.transient_error)


def traced(message: str, failure_type: FailureType, exception: BaseException | None = None) -> AirbyteTracedException:
    """An error with the same text for people and logs, because the CDK's last trace shows the internal message."""
    return AirbyteTracedException(
        message=message, internal_message=message, failure_type=failure_type, exception=exception
    )


def config_error(message: str) -> AirbyteTracedException:
    """An error that Airbyte shows as "change your settings"."""
    return traced(message, FailureType.config_error)


def transient_error(message: str) -> AirbyteTracedException:
    """An error that Airbyte answers with another attempt."""
    return traced(message, FailureType.transient_error)


def trace_of(error: AirbyteTracedException) -> AirbyteMessage:
    """The message of an error. It has a stack trace only if it is a defect of the connector."""
    message = error.as_airbyte_message()
    if message.trace and message.trace.error and error.failure_type != FailureType.system_error:
        message.trace.error.stack_trace = None
    return message


def is_about_a_limit(error: BaseException) -> bool:
    """Whether the vendor kept answering "too many requests"."""
    response = getattr(cause_of(error), "response", None)
    return isinstance(response, requests.Response) and response.status_code == requests.codes.too_many_requests


def in_plain_words(error: BaseException, subject: str) -> AirbyteTracedException:
    """A new error about `subject` (a stream, a key) that keeps the sentence meant for people.

    The CDK wraps a retry that gave up into "Exhausted available request attempts. Please see logs …"; the sentence of
    our error handler is inside. Any other exception comes from an answer of an unexpected shape: its stack trace says
    which part.
    """
    cause = cause_of(error)
    if isinstance(cause, BaseBackoffException):
        return traced(f"{subject}: {cause.args[0]}", FailureType.transient_error, error)
    if isinstance(error, AirbyteTracedException):
        return traced(f"{subject}: {error}", error.failure_type, error)
    return traced(
        f"{subject}: an answer of the vendor holds something that this version can't read. Run the sync again later; "
        "if it stays, look for a newer version.",
        FailureType.system_error,
        error,
    )


def _shown(value: Any) -> str:
    """A value in words, shortened if it is long."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if isinstance(value, str):
        words = shortened(value, _LONGEST_QUOTATION)
        return f'the text "{words}"' if words != "…" else f"a text of {len(value)} characters"
    digits = str(value).lower() if isinstance(value, bool) else repr(value)
    return digits if len(digits) <= _LONGEST_QUOTATION else f"{digits[:_LONGEST_QUOTATION]}…"


def shortened(text: str, most: int) -> str:
    """Whole words of a text, at most so many characters and an ellipsis: half a key would not be masked.

    Example: `shortened("no access for key-0815", 18)` -> `no access for …`.
    """
    return text if len(text) <= most else re.sub(r"\S*$", "…", text[:most], count=1)
