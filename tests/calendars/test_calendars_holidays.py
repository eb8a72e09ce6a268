"""Public holidays become stored dates, and what is past stays as it was stored."""

from datetime import date

import pytest
from holidays import country_holidays

from opd_schemas.calendars import Calendar, PublicHolidays
from opd_schemas.catalogue import Catalogue
from services import holidays_source
from services.holidays_source import expand, unknown

INDONESIA = PublicHolidays(country="ID", categories=("public", "government"))
TODAY = date(2026, 11, 22)


def catalogue(rule: PublicHolidays | None = INDONESIA, **fields: object) -> Catalogue:
    return Catalogue.model_validate(
        {
            "city": {"name": "Kota Uji", "timezone": "Asia/Jakarta"},
            "agencies": [{"opd": "setda", "name": {"id": "Sekretariat", "en": "Secretariat"}}],
            "calendars": [
                {
                    "code": "kantor",
                    "name": {"id": "Jam Kerja", "en": "Office Hours"},
                    "working_day": "PT7H30M",
                    "hours": {"mon": ["07:30-16:00"]},
                    "public_holidays": rule,
                    **fields,
                }
            ],
        }
    )


def _expanded(found: Catalogue) -> Calendar:
    [calendar] = found.calendars
    return calendar


def test_dates_are_expanded_from_2010_to_two_years_ahead() -> None:
    days = _expanded(expand(catalogue(), today=TODAY)).expanded
    assert list(days) == sorted(set(days))
    assert (days[0].year, days[-1].year) == (2010, 2028)
    # Independence day, and collective leave as of the joint ministerial decrees of 2025 and 2026.
    assert {date(2026, 8, 17), date(2025, 4, 7), date(2026, 3, 20)} <= set(days)


@pytest.mark.parametrize("year", range(2010, 2029))
def test_no_date_is_lost_or_added(year: int) -> None:
    days = {day for day in _expanded(expand(catalogue(), today=TODAY)).expanded if day.year == year}
    assert days == set(country_holidays("ID", years=year)) | set(
        country_holidays("ID", years=year, categories="government")
    )


def test_without_a_rule_nothing_is_expanded() -> None:
    assert _expanded(expand(catalogue(None), today=TODAY)).expanded == ()


def test_the_citys_own_days_add_and_revoke() -> None:
    own = [
        {"date": "2026-08-07", "name": "Hari Jadi Kota"},
        {"date": "2026-12-24", "name": "Pelayanan tetap buka", "open": "true"},
    ]
    calendar = _expanded(expand(catalogue(holidays=own), today=TODAY))
    assert calendar.closed_days == set(calendar.expanded) - {date(2026, 12, 24)} | {date(2026, 8, 7)}


def test_another_release_of_the_package_changes_no_past_day(monkeypatch: pytest.MonkeyPatch) -> None:
    first = expand(catalogue(), today=TODAY)
    before = set(_expanded(first).expanded)
    # A later release: it forgot one past day, found another, and moved a feast that is still to come.
    later = before - {date(2026, 8, 17), date(2027, 3, 10)} | {date(2026, 8, 18), date(2027, 3, 9), date(2029, 1, 1)}
    monkeypatch.setattr(holidays_source, "dates", lambda rule, years: frozenset(later))
    second = expand(catalogue(), today=date(2027, 1, 4), in_force=first.calendars)
    assert set(_expanded(second).expanded) == before - {date(2027, 3, 10)} | {date(2027, 3, 9), date(2029, 1, 1)}


def test_years_that_were_beyond_sight_then_are_taken_as_they_are_known_now() -> None:
    first = expand(catalogue(), today=date(2015, 6, 1))
    assert _expanded(first).expanded[-1].year == 2017
    second = expand(catalogue(), today=TODAY, in_force=first.calendars)
    assert _expanded(second).expanded == _expanded(expand(catalogue(), today=TODAY)).expanded


def test_another_rule_is_expanded_afresh() -> None:
    first = expand(catalogue(PublicHolidays(country="NL")), today=TODAY)
    second = expand(catalogue(), today=TODAY, in_force=first.calendars)
    assert second == expand(catalogue(), today=TODAY)


@pytest.mark.parametrize(
    ("rule", "field", "mend"),
    [
        (PublicHolidays(country="XX"), "country", "such as ID"),
        (PublicHolidays(country="NL", subdivision="Nord"), "subdivision", "did you mean Noord?"),
        (PublicHolidays(country="ID", subdivision="SB"), "subdivision", "none is known"),
        (PublicHolidays(country="ID", categories=("goverment",)), "categories", "did you mean government?"),
    ],
)
def test_what_the_package_does_not_know_is_said_with_a_mend(rule: PublicHolidays, field: str, mend: str) -> None:
    wrong = unknown(rule)
    assert wrong is not None
    assert wrong.where[0] == field
    assert wrong.what.endswith(mend)


@pytest.mark.parametrize(
    "rule", [INDONESIA, PublicHolidays(country="NL"), PublicHolidays(country="NL", subdivision="Noord")]
)
def test_what_it_knows_is_no_fault(rule: PublicHolidays) -> None:
    assert unknown(rule) is None
