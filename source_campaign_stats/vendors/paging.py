"""What the paging of all vendors has in common: the next page follows from an answer and from what was asked."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import requests
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import (
    PaginationStrategy,
)
from airbyte_cdk.sources.types import Record, StreamSlice


@dataclass
class Pages(PaginationStrategy):
    """A strategy whose token remembers what the pages before it have shown; the CDK's counts of records do not matter.

    `page_size` is the number of items that a request asks for.
    """

    page_size: int

    @abstractmethod
    def page_after(self, response: requests.Response, asked: Any) -> Any | None:
        """The token of the next page after the answer to `asked`; None after the last one."""

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Record | None,
        last_page_token_value: Any | None,
        page_size_override: int | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> Any | None:
        return self.page_after(response, last_page_token_value or self.initial_token)

    def get_page_size(self) -> int:
        return self.page_size
