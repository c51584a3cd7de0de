"""Tells keys from texts that only look like one; the messages never quote the text."""

import re

from source_campaign_stats.settings.specification import Schema

_QUOTATION_MARKS = "\"'`“”„‟‘’‚«»"
# A word before a key, as it stands in a header, a file of variables or a command.
_PREFIX = re.compile(r"(?i)^(bearer|basic|authorization|x-[a-z-]+|[a-z-]*(api|app)[-_ ]?key|token|key)\s*[\s:=]")
_PLACEHOLDER = re.compile(
    r"(?i)\$\{|^\{\{.*\}\}$|^\$\w+$|^\$\(|^%\w+%$|^<.*>$|^\[.*\]$|^\{.*\}$|^x{3,}$|^\.{3,}$|^…$"
    r"|^(change|replace|insert|fill)[-_ ]?(me|it|this|in)|^(enter|insert|put|add|paste)[-_ ]your|^your[-_ ]"
    r"|^(todo|tbd|placeholder|none|null|undefined|dummy|secret|password)$"
    r"|^(env|secret|vault|ssm|op|arn|file|secret_coordinate):"
)
_A_DAY_OR_ZONE = re.compile(r"\d{4}-\d\d-\d\d.*|[A-Za-z]+/[A-Za-z_/+-]+\d{0,2}")


def not_a_key(text: str, schema: Schema) -> str | None:
    """Why a text can't be a credential, as the rest of a sentence; None if it can be one.

    Example: `Bearer abc` -> `begins with a word that is not part of it, like "Bearer". Enter only what follows.`
    """
    if set(text) <= set("*•●·"):
        return "is the mask that stands for a hidden value. Enter the value itself."
    if text[0] in _QUOTATION_MARKS or text[-1] in _QUOTATION_MARKS:
        return "stands in quotation marks. Enter it without them."
    if text in schema.get("examples", ()) or _PLACEHOLDER.search(text):
        return "is a placeholder, not a value. Enter the value itself."
    if _PREFIX.match(text):
        return 'begins with a word that is not part of it, like "Bearer". Enter only what follows.'
    if "://" in text or re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]+", text):
        return "is an address. Enter the value itself."
    return None


def can_be_a_key(text: str) -> bool:
    """Whether a text that was typed somewhere could be a key, so that it is hidden to be on the safe side.

    Example: True for `s3cret-part-one` and `abcdefghijklmnopqrst`, False for `Shop iOS`, `2026-01-31` and `UTC`.
    """
    if len(text) < 8 or re.search(r"\s", text) or _A_DAY_OR_ZONE.fullmatch(text):
        return False
    letters, digits = re.search(r"[A-Za-z]", text), re.search(r"\d", text)
    return bool(letters and digits) or (len(text) >= 16 and not re.fullmatch(r"[a-z]+(_[a-z]+)*", text))


def is_like_a_key(text: str) -> bool:
    """Whether a text can hardly be anything but a key: 20 letters and digits or more without a gap."""
    return bool(re.fullmatch(r"[A-Za-z0-9+/=]{20,}", text)) and sum(map(str.isdigit, text)) >= 4
