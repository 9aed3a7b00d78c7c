"""Cursors come back as they went out; anything else is refused by name."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.runtime.errors import Unprocessable
from lambdas.view_video.pages import DEFAULT_LIMIT, MAXIMUM_LIMIT, Cursor, Page


def taken_or_refused(query: dict[str, str]) -> Page | Unprocessable:
    try:
        return Page.of(query)
    except Unprocessable as refused:
        return refused


@given(moment=st.datetimes(timezones=st.just(UTC)), job_id=st.uuids())
def test_a_cursor_comes_back_as_it_went_out(moment: object, job_id: object) -> None:
    cursor = Cursor(moment, job_id)  # type: ignore[arg-type]  # as the strategies make them
    assert Cursor.parse(str(cursor)) == cursor
    assert str(cursor).isascii()
    assert not set(str(cursor)) & set("+/=&?")


@given(text=st.text(max_size=300) | st.binary(max_size=150).map(lambda raw: raw.hex()))
def test_anything_else_is_refused_by_name(text: str) -> None:
    page = taken_or_refused({"cursor": text})
    assert page.field == "cursor" if isinstance(page, Unprocessable) else page.after is not None


@given(text=st.text(max_size=8) | st.integers().map(str))
def test_a_limit_is_a_whole_number_within_its_bounds(text: str) -> None:
    page = taken_or_refused({"limit": text})
    if isinstance(page, Unprocessable):
        assert page.field == "limit"
        assert text not in {str(number) for number in range(1, MAXIMUM_LIMIT + 1)}
    else:
        assert 1 <= page.limit <= MAXIMUM_LIMIT


@pytest.mark.parametrize(
    "spelled",
    ["WyIyMDI2LTExLTI1VDEyOjAwOjAwIiwiMGQ5YThmMmUtNmY0NC00YzhiLTlkOGUtM2Y0ZjVhNmI3YzhkIl0", "W10", "bnVsbA", "MQ", ""],
    ids=["no-zone", "empty-list", "null", "number", "nothing"],
)
def test_near_misses_are_refused(spelled: str) -> None:
    with pytest.raises(Unprocessable):
        Page.of({"cursor": spelled})


def test_with_nothing_asked_it_is_the_first_page() -> None:
    assert Page.of({}) == Page(DEFAULT_LIMIT, None)
