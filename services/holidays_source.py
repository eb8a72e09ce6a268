"""Public holidays become plain dates here, once, when a catalogue is put into force.

The dates come from the `holidays` package and are stored with the catalogue: the contract and what publishers install
stay free of the package, and no release of it changes a figure of the past.
"""

from collections.abc import Iterable
from datetime import date

from opd_schemas.calendars import Calendar, PublicHolidays
from opd_schemas.catalogue import Catalogue
from opd_schemas.faults import Wrong, mend

FIRST_YEAR = 2010
YEARS_AHEAD = 2


def unknown(rule: PublicHolidays) -> Wrong | None:
    """What the package does not know of a rule."""
    # Here, as below: the package is slow to load, and every command would wait for it.
    from holidays import country_holidays

    try:
        country = country_holidays(rule.country)
    except NotImplementedError:
        return Wrong(("country",), "is no country whose holidays are known; write its two letters, such as ID")
    if rule.subdivision is not None and rule.subdivision not in country.subdivisions:
        what = f"is no part of {rule.country} with holidays of its own"
        return Wrong(("subdivision",), f"{what}; {mend(rule.subdivision, country.subdivisions)}")
    for number, category in enumerate(rule.categories):
        if category not in country.supported_categories:
            what = f"is no category of holidays of {rule.country}"
            return Wrong(("categories", number), f"{what}; {mend(category, country.supported_categories)}")
    return None


def dates(rule: PublicHolidays, years: range) -> frozenset[date]:
    """All dates of these years that the package knows for a rule; for years to come some are its estimates."""
    from holidays import country_holidays

    found = country_holidays(rule.country, subdiv=rule.subdivision, categories=rule.categories, years=years)
    return frozenset(day for day in found if day.year in years)


def expand(catalogue: Catalogue, *, today: date, in_force: Iterable[Calendar] = ()) -> Catalogue:
    """The catalogue with the dates of its calendars' public holidays, from FIRST_YEAR to YEARS_AHEAD from `today`.

    Days before `today` stay as they stand in the calendar `in_force` of the same code and rule. Who has to mend one of
    them writes it into the calendar's own `holidays`.
    """
    former = {calendar.code: calendar for calendar in in_force}
    calendars = tuple(_expanded(calendar, former.get(calendar.code), today) for calendar in catalogue.calendars)
    return catalogue.model_copy(update={"calendars": calendars})


def _expanded(calendar: Calendar, former: Calendar | None, today: date) -> Calendar:
    rule = calendar.public_holidays
    if rule is None:
        return calendar.model_copy(update={"expanded": ()})
    days = dates(rule, range(FIRST_YEAR, today.year + YEARS_AHEAD + 1))
    if former is not None and former.public_holidays == rule and former.expanded:
        # Beyond the last year that was expanded then, nothing is fixed yet.
        fixed_until = min(today, date(former.expanded[-1].year + 1, 1, 1))
        fixed = frozenset(day for day in former.expanded if day < fixed_until)
        days = fixed | {day for day in days if day >= fixed_until}
    return calendar.model_copy(update={"expanded": tuple(sorted(days))})
