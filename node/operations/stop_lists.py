"""Operations on stop-lists: the organisation's own contacts, which never take part."""

from typing import Any

from node.datasets.stop_list import read_entries
from node.operations.dataset_forms import (
    NameRequest,
    StopListAddRequest,
    StopListList,
    StopListReply,
    StopListValues,
    StopListView,
)
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation

__all__ = ["OPERATIONS"]


def _add(parts: Parts, request: StopListAddRequest, _progress: Progress) -> StopListReply:
    entries = read_entries(request.text, kind=request.kind, region=request.region)
    return _changed(parts, parts.datasets.change_stop_list(request.name, entries, by=request.by))


def _remove(parts: Parts, request: NameRequest, _progress: Progress) -> StopListReply:
    return _changed(parts, parts.datasets.change_stop_list(request.name, None, by=request.by))


def _list(parts: Parts, _request: Nothing, _progress: Progress) -> StopListList:
    book = parts.datasets
    return StopListList(
        stop_lists=[
            StopListView(name=found.name, counts=found.counts, changed_at=found.changed_at)
            for found in book.stop_lists.list()
        ],
        outdated=[dataset.name for dataset in book.list() if book.before_stop_list(dataset)],
    )


def _show(parts: Parts, request: NameRequest, _progress: Progress) -> StopListValues:
    return StopListValues(name=request.name, values=list(parts.datasets.read_stop_list(request.name, by=request.by)))


def _changed(parts: Parts, changed: int) -> StopListReply:
    now = _list(parts, Nothing(), lambda _step: None)
    return StopListReply(stop_lists=now.stop_lists, outdated=now.outdated, changed=changed)


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("stop-list.add", StopListAddRequest, _add),
    Operation("stop-list.list", Nothing, _list),
    Operation("stop-list.show", NameRequest, _show),
    Operation("stop-list.remove", NameRequest, _remove),
)
