"""Errors that a person is shown as one clear line, without a traceback.

HubError
├── CatalogueError      the catalogue's files are wrong
├── MigrationChanged    a migration was edited after it was applied
├── NotMigrated         the database or the streams lack the hub's tables
├── TimeZoneFixed       figures are cut by local days of another zone
└── Unreachable         NATS or the database does not answer
"""


class HubError(Exception):
    """What is wrong, where, and the next step, in one line."""


class CatalogueError(HubError):
    """Faults of the catalogue's files, one line each, all at once."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class MigrationChanged(HubError):
    """A migration that stands in the database differs from the file of its name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"services/sql/{name} was edited after it was applied; restore it and put the change into a new file"
        )


class NotMigrated(HubError):
    """Tables or streams are missing."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is missing; run: warroom migrate, then: warroom catalogue apply DIR")


class Unreachable(HubError):
    """A server does not answer."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} at {where} does not answer; start it with: warroom up, or see: warroom status")


class TimeZoneFixed(HubError):
    """The stored local days belong to another time zone."""

    def __init__(self, stored: str, wanted: str) -> None:
        super().__init__(
            f"city.timezone is {wanted}, but the stored days are those of {stored}; use a database of its own"
            " for the other zone"
        )
