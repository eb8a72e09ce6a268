"""Errors that a person is shown as one clear line, without a traceback.

HubError
├── CannotReplay        a refused event cannot be sent again as it stands
├── CatalogueError      the catalogue's files are wrong
├── MapError            an import's map is wrong, or does not fit the file
├── MigrationChanged    a migration was edited after it was applied
├── NotImported         a file of history cannot be read or sent
├── NotMigrated         the database or the streams lack the hub's tables
├── NotSettled          what was accepted is not being committed
├── TimeZoneFixed       figures are cut by local days of another zone
├── UnknownReject       no refused event has that number
└── Unreachable         NATS or the database does not answer
"""


class HubError(Exception):
    """What is wrong, where, and the next step, in one line."""


class CatalogueError(HubError):
    """Faults of the catalogue's files, one line each, all at once."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class MapError(HubError):
    """Faults of an import's map, one line each, all at once."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class NotImported(HubError):
    """A file of history cannot be read, or NATS refuses what is in it."""

    def __init__(self, file: object, why: str) -> None:
        super().__init__(f"{file}: {why}")


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
        super().__init__(f"{what} at {where} does not answer; start it with: warroom up")


class TimeZoneFixed(HubError):
    """The stored local days belong to another time zone."""

    def __init__(self, stored: str, wanted: str) -> None:
        super().__init__(
            f"city.timezone is {wanted}, but the stored days are those of {stored}; use a database of its own"
            " for the other zone"
        )


class UnknownReject(HubError):
    """No refused event has that number."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"there is no refused event number {seq}; see: warroom rejects list --all")


class CannotReplay(HubError):
    """A refused event cannot be sent again as it stands."""

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"refused event {seq} was not sent again: {why}")


class NotSettled(HubError):
    """What was accepted is not being committed."""

    def __init__(self, lag: int) -> None:
        super().__init__(
            f"{lag} messages wait and are not being committed; see: warroom status, and the services' logs"
        )
