"""Publishes an agency's service events to the War Room Hub: `Hub` for ordinary code, `AsyncHub` for asyncio."""

from opd_schemas.event import Event
from opd_sdk.errors import (
    BadCredentials,
    BadSettings,
    HubError,
    InvalidEvent,
    NotAllConfirmed,
    NotConfirmed,
    NotConnected,
    PermissionDenied,
    StreamFull,
    StreamMissing,
    StreamRefused,
    TooLarge,
)
from opd_sdk.hub import AsyncHub
from opd_sdk.sync import Hub

__all__ = [
    "AsyncHub",
    "BadCredentials",
    "BadSettings",
    "Event",
    "Hub",
    "HubError",
    "InvalidEvent",
    "NotAllConfirmed",
    "NotConfirmed",
    "NotConnected",
    "PermissionDenied",
    "StreamFull",
    "StreamMissing",
    "StreamRefused",
    "TooLarge",
]
