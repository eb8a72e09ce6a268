"""The hub for synchronous code: the very coroutines of `AsyncHub`, run on an event loop in a thread of its own."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from opd_schemas.event import Event
from opd_sdk.errors import NotConfirmed, NotConnected
from opd_sdk.hub import BaseHub

T = TypeVar("T")


class _LoopThread:
    """A daemon thread with a running event loop, until `stop`."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event
        self._started = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._main(),), name="opd-sdk", daemon=True)
        self._thread.start()
        self._started.wait()

    @property
    def is_alive(self) -> bool:
        """False after `stop`, and in a process forked from the one that started it."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the loop with all that still runs on it, and wait for the thread."""
        self.loop.call_soon_threadsafe(self._end.set)
        # Bounded, since a look-up of a host name may still block in the loop's own threads.
        self._thread.join(timeout=10)

    async def _main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._started.set()
        await self._end.wait()


class Hub(BaseHub[Event]):
    """The hub for ordinary code: `with Hub(…) as hub: hub.queue.called(…)`; each helper returns the stored event.

    It may be used from any thread, and connects with the first event: make one per process and keep it. All but
    `draft` raise the errors of `opd_sdk.errors`.
    """

    def _prepare(self) -> None:
        self._lock = threading.Lock()
        self._thread: _LoopThread | None = None
        self._closed = False

    def publish(self, event: Event) -> Event:
        """Send an event, or send it again after an error; returns it once the hub has stored it."""
        return self._run(self._publish(event), event)

    def publish_many(self, events: Iterable[Event]) -> None:
        """Send many at once; returns when all are stored, or raises `NotAllConfirmed`, which lists the others."""
        self._run(self._publish_many(list(events)))

    def close(self) -> None:
        """Let what is in flight be answered, then disconnect and end the thread, for good."""
        with self._lock:
            thread, self._thread, self._closed = self._thread, None, True
        if thread and thread.is_alive:
            asyncio.run_coroutine_threadsafe(self.link.close(), thread.loop).result()
            thread.stop()

    def __enter__(self) -> Self:
        try:
            self._run(self.link.open())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _send_one(self, event: Event) -> Event:
        return self.publish(event)

    def _run(self, work: Coroutine[Any, Any, T], event: Event | None = None) -> T:
        future = self._submit(work)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            trouble = NotConfirmed(self.link.where, "this Hub was closed meanwhile")
            raise (trouble.about(event) if event else trouble) from None
        except BaseException:
            # Such as KeyboardInterrupt while waiting; after an error of the work itself it changes nothing.
            future.cancel()
            raise

    def _submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = _LoopThread()
            if self._thread is None or not self._thread.is_alive:
                work.close()
                why = "this Hub was closed" if self._closed else "this Hub belongs to the process before the fork"
                raise NotConnected(self.link.where, why)
            return asyncio.run_coroutine_threadsafe(work, self._thread.loop)
