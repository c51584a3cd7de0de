"""The queries of docs/queries.md."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "queries.md"
FIRST_QUESTIONS = "The first five questions"


@dataclass(frozen=True)
class DocumentedQuery:
    """A block of SQL. `section` is the last `##` heading before it, `question` the last `###` heading (or empty)."""

    section: str
    question: str
    sql: str


def documented_queries(section: str | None = None) -> list[DocumentedQuery]:
    """The queries of a section, or of the whole page, in the order of the page."""
    found, headings = [], {2: "", 3: ""}
    blocks = r"^(?P<level>##+) (?P<heading>[^\n]*)$|^```sql\n(?P<sql>.*?)^```$"
    for block in re.finditer(blocks, PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        if block["heading"]:
            headings |= {len(block["level"]): block["heading"]} | ({3: ""} if block["level"] == "##" else {})
        else:
            found.append(DocumentedQuery(headings[2], headings[3], block["sql"]))
    return [query for query in found if section in (None, query.section)]
