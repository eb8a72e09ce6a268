"""What reaches the stream, and what is refused: on a real broker, with an application's own permissions."""

import asyncio
import pickle
import ssl
from dataclasses import replace
from typing import Any

import pytest
from nats.js.api import DiscardPolicy

from opd_schemas.event import Event, parse
from opd_sdk import (
    AsyncHub,
    BadCredentials,
    BadSettings,
    Hub,
    HubError,
    InvalidEvent,
    NotAllConfirmed,
    NotConnected,
    PermissionDenied,
    StreamFull,
    StreamMissing,
    TooLarge,
)
from tests.sdk.broker import APP, OPD, TIMEZONE, Broker, Inbox

TICKET: dict[str, Any] = {"ticket": "A-001", "unit": "loket", "service": "ktp"}
# Plausible and nobody's: the birth date lies in the future.
NIK = "7371016505990001"


def connect(broker: Broker, user: str = "app", **settings: Any) -> AsyncHub:
    """A hub whose own time-outs are far away, so that only a prompt answer passes these tests."""
    settings = {"opd": OPD, "app": APP, "timezone": TIMEZONE, "timeout": 60, **settings}
    return AsyncHub(broker.url(user), **settings)


async def promptly(work: Any) -> Any:
    """Fail instead of waiting for the SDK's own time-out."""
    async with asyncio.timeout(30):
        return await work


def drafts(hub: AsyncHub | Hub, count: int) -> list[Event]:
    return [hub.draft.queue.issued(ticket=f"A-{n:03}", unit="loket", service="ktp") for n in range(count)]


async def test_a_helper_stores_the_event_it_returns(hub: AsyncHub, inbox: Inbox) -> None:
    event = await hub.queue.issued(**TICKET)
    heartbeat = await hub.heartbeat()
    void = await hub.void(event)
    stored = await inbox.messages()
    assert [subject for subject, _, _ in stored] == [
        "opd.dukcapil.antrean.queue.issued",
        "opd.dukcapil.antrean.app.heartbeat",
        "opd.dukcapil.antrean.queue.voided",
    ]
    assert [parse(body) for _, body, _ in stored] == [event, heartbeat, void]
    assert [body for _, body, _ in stored] == [event.to_json(), heartbeat.to_json(), void.to_json()]
    # The inbox takes no message id from publishers: one could swallow the event of another.
    assert all(headers == {"Nats-Expected-Stream": "INBOX"} for _, _, headers in stored)


async def test_the_synchronous_twin_does_the_same(sync_hub: Hub, inbox: Inbox) -> None:
    def work() -> list[Event]:
        event = sync_hub.queue.issued(**TICKET)
        many = drafts(sync_hub, 700)
        sync_hub.publish_many(many)
        return [event, sync_hub.permit.submitted(case="P/1", unit="loket", service="imb"), sync_hub.void(event), *many]

    events = await asyncio.to_thread(work)
    stored = [parse(body) for _, body, _ in await inbox.messages()]
    assert sorted(stored, key=lambda e: e.id) == sorted(events, key=lambda e: e.id)


async def test_many_keep_their_order(hub: AsyncHub, inbox: Inbox) -> None:
    events = drafts(hub, 1500)
    await hub.publish_many(events)
    assert [body for _, body, _ in await inbox.messages()] == [event.to_json() for event in events]
    await hub.publish_many([])


async def test_publishing_again_sends_the_same_bytes(hub: AsyncHub, inbox: Inbox) -> None:
    event = await hub.publish(hub.draft.queue.issued(**TICKET))
    assert await hub.publish(event) is event
    first, second = await inbox.messages()
    assert first == second


async def test_personal_data_never_leaves(hub: AsyncHub, inbox: Inbox) -> None:
    for fields in ({"ticket": NIK}, {"ticket": "0812-3456-7890"}):
        with pytest.raises(InvalidEvent, match="personal data") as refusal:
            await hub.queue.issued(**{**TICKET, **fields})
        assert refusal.value.field == "data.case"
        assert fields["ticket"] not in str(refusal.value)
    with pytest.raises(InvalidEvent) as refusal:
        await hub.publish(replace(hub.draft.queue.issued(**TICKET), extensions={"nama": "Siti"}))
    assert (refusal.value.field, "Siti" in str(refusal.value)) == ("nama", False)
    assert await inbox.messages() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"unit": "Loket 1"}, "data.unit"),
        ({"channel": "fax"}, "data.channel"),
        ({"case": None}, "data.case"),
        ({"state": "dipanggil"}, "type"),
        ({"kind": "complaint"}, "type"),
        ({"opd": "dinkes"}, "source"),
        ({"app": "lain"}, "source"),
        ({"id": "not an id"}, "id"),
        ({"extensions": {"hubinbox": "1"}}, "hubinbox"),
        ({"extensions": {"trace": object()}}, ""),
    ],
)
async def test_what_breaks_the_contract_never_leaves(
    hub: AsyncHub, inbox: Inbox, changes: dict[str, Any], field: str
) -> None:
    event = replace(hub.draft.queue.issued(**TICKET), **changes)
    with pytest.raises(InvalidEvent) as refusal:
        await hub.publish(event)
    assert refusal.value.field == field
    assert refusal.value.event is event
    assert await inbox.messages() == []


def padding(size: int) -> dict[str, str]:
    """Extensions that make an event longer by exactly `size` bytes."""
    found: dict[str, str] = {}
    while size > 0:
        # Each costs ten characters besides its text, of which the last must leave room for its own.
        part = size if size <= 500 else 400
        found[f"p{len(found):03}"] = "x" * (part - len(',"p000":""'))
        size -= part
    return found


async def test_one_bad_event_does_not_cost_the_others(hub: AsyncHub, inbox: Inbox) -> None:
    good = drafts(hub, 600)
    bad = replace(good[0], unit="Loket 1")
    large = replace(good[0], id="large", extensions=padding(9_000))
    events = [*good[:300], bad, large, *good[300:]]
    with pytest.raises(NotAllConfirmed, match=r"2 of 602") as error:
        await hub.publish_many(events)
    assert [type(failure) for failure in error.value.failures] == [InvalidEvent, TooLarge]
    assert [failure.event for failure in error.value.failures] == [bad, large]
    assert [body for _, body, _ in await inbox.messages()] == [event.to_json() for event in good]


async def test_too_many_bytes_for_the_contract_the_broker_or_the_stream(
    hub: AsyncHub, inbox: Inbox, nothing: Inbox
) -> None:
    event = hub.draft.queue.issued(**TICKET)
    # The contract takes 16 KiB, this broker 8; the header belongs to what the broker weighs.
    for size in (20_000, 10_000, 8_192 - len(event.to_json())):
        with pytest.raises(TooLarge, match="bytes"):
            await hub.publish(replace(event, extensions=padding(size)))
    await inbox.delete()
    await inbox.create(max_msg_size=1000)
    with pytest.raises(TooLarge, match="bytes"):
        await hub.publish(replace(event, extensions=padding(2_000)))
    await hub.publish(event)


async def test_a_denied_publish_is_told_as_such_and_at_once(broker: Broker, inbox: Inbox) -> None:
    async with connect(broker, "mute") as hub:
        with pytest.raises(PermissionDenied, match=r"opd\.dukcapil\.antrean\.queue\.issued") as error:
            await promptly(hub.queue.issued(**TICKET))
        assert error.value.event is not None
        with pytest.raises(NotAllConfirmed) as many:
            await promptly(hub.publish_many(drafts(hub, 1000)))
        assert {type(failure) for failure in many.value.failures} == {PermissionDenied}
        assert len(many.value.failures) == 1000


async def test_a_denial_strikes_only_its_own_subject(broker: Broker, inbox: Inbox) -> None:
    async with connect(broker, "ticketless") as hub:
        called = hub.draft.queue.called(**TICKET)
        with pytest.raises(NotAllConfirmed) as error:
            await promptly(hub.publish_many([called, hub.draft.queue.issued(**TICKET), called]))
        assert [failure.event.state for failure in error.value.failures if failure.event] == ["issued"]
        assert len(await inbox.messages()) == 2


async def test_credentials_of_another_application_are_told_at_connect(broker: Broker, inbox: Inbox) -> None:
    with pytest.raises(PermissionDenied, match="app=antrean"):
        await promptly(connect(broker, "other").__aenter__())


async def test_bad_credentials(broker: Broker, inbox: Inbox) -> None:
    for user, password in (("app", "wrong"), ("nobody", "secret")):
        hub = AsyncHub(
            f"nats://127.0.0.1:{broker.port}",
            opd=OPD,
            app=APP,
            timezone=TIMEZONE,
            timeout=60,
            user=user,
            password=password,
        )
        for _ in range(2):
            with pytest.raises(BadCredentials, match="refuses") as error:
                await promptly(hub.queue.issued(**TICKET))
            assert password not in str(error.value)
        await hub.close()
    with pytest.raises(BadCredentials):
        await asyncio.to_thread(
            Hub(broker.url("app", "wrong"), opd=OPD, app=APP, timezone=TIMEZONE, timeout=60).__enter__
        )


async def test_a_password_in_the_url_may_be_percent_encoded(broker: Broker, inbox: Inbox) -> None:
    async with AsyncHub(broker.url(password="s%65cret"), opd=OPD, app=APP, timezone=TIMEZONE) as hub:
        await hub.heartbeat()


async def test_a_password_is_not_sent_without_the_tls_that_was_asked_for(broker: Broker, inbox: Inbox) -> None:
    for url, tls in ((broker.url().replace("nats://", "tls://"), None), (broker.url(), ssl.create_default_context())):
        with pytest.raises(NotConnected, match="secure connection not available"):
            await AsyncHub(url, opd=OPD, app=APP, timezone=TIMEZONE, timeout=0.3, tls=tls).__aenter__()


async def test_nobody_there(broker: Broker) -> None:
    url = broker.url(password="hush")
    broker.kill()
    with pytest.raises(NotConnected, match=f"127.0.0.1:{broker.port} .Connection refused") as error:
        await AsyncHub(url, opd=OPD, app=APP, timezone=TIMEZONE, timeout=0.2).__aenter__()
    assert "hush" not in str(error.value)
    with pytest.raises(NotConnected), Hub(url, opd=OPD, app=APP, timezone=TIMEZONE, timeout=0.2):
        pass


async def test_no_stream(broker: Broker, nothing: Inbox) -> None:
    async with connect(broker, attempts=2) as hub:
        with pytest.raises(StreamMissing, match="nobody listens"):
            await promptly(hub.queue.issued(**TICKET))
        with pytest.raises(NotAllConfirmed) as error:
            await promptly(hub.publish_many(drafts(hub, 2000)))
        assert {type(failure) for failure in error.value.failures} == {StreamMissing}
        await nothing.create()
        await hub.queue.issued(**TICKET)


async def test_a_stream_of_another_name_has_the_subjects(broker: Broker, nothing: Inbox) -> None:
    await nothing.js.add_stream(name="OTHER", subjects=["opd.>"])
    async with connect(broker) as hub:
        with pytest.raises(StreamMissing, match="another stream"):
            await promptly(hub.queue.issued(**TICKET))


async def test_a_full_stream_says_so_and_heals(broker: Broker, nothing: Inbox) -> None:
    await nothing.js.add_stream(name="INBOX", subjects=["opd.>"], discard=DiscardPolicy.NEW, max_msgs=3)
    async with connect(broker) as hub:
        events = drafts(hub, 5)
        with pytest.raises(NotAllConfirmed) as error:
            await promptly(hub.publish_many(events))
        assert [failure.event for failure in error.value.failures] == events[3:]
        assert {type(failure) for failure in error.value.failures} == {StreamFull}
        await nothing.js.purge_stream("INBOX")
        await promptly(hub.publish_many(failure.event for failure in error.value.failures if failure.event))


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"opd": "Dukcapil"}, "opd"),
        ({"app": "a.b"}, "app"),
        ({"timezone": "Makassar"}, "timezone"),
        ({"timezone": "../etc"}, "timezone"),
        ({"timeout": 0}, "timeout"),
        ({"attempts": 0}, "attempts"),
        ({"user": "app"}, "password"),
        ({"url": "http://hub"}, "url"),
        ({"url": "nats://hub:port"}, "url"),
        ({"url": ""}, "url"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(BadSettings, match=word):
        Hub(**{"url": "nats://hub", "opd": OPD, "app": APP, "timezone": TIMEZONE, **settings})


async def test_settings_from_the_environment(broker: Broker, inbox: Inbox) -> None:
    environment = {"OPD_HUB_URL": broker.url(), "OPD_HUB_OPD": OPD, "OPD_HUB_APP": APP, "OPD_HUB_TIMEZONE": TIMEZONE}
    async with AsyncHub.from_env(environment) as hub:
        await hub.heartbeat()
    for name in environment:
        with pytest.raises(BadSettings, match=name):
            Hub.from_env({**environment, name: ""})


def test_errors_survive_pickling(broker: Broker) -> None:
    hub = Hub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE)
    event = hub.draft.heartbeat()
    for error in (
        InvalidEvent("data.unit", "is wrong").about(event),
        NotConnected("hub:4222", "no answer").about(event),
        PermissionDenied("opd.a.b", opd="a", app="b"),
        NotAllConfirmed([StreamFull("maximum bytes exceeded").about(event)], 3),
    ):
        copy: HubError = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (type(copy), str(copy), copy.event) == (type(error), str(error), error.event)
        assert "\n" not in str(copy)
