"""Is it well, and how busy is it: `/health` for probes, `/metrics` for Prometheus. Numbers only; open, because they name nobody."""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from leerstroom.lrs import times
from leerstroom.lrs.requests import Reply, json_reply
from leerstroom.lrs.storage import Storage


class Health:
    """Counts what one server process answers."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "lrs_requests",
            "Requests by resource, method and status",
            ("resource", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "lrs_request_seconds", "Time to the answer", ("resource", "method"), registry=self._registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )  # fmt: skip
        self._bytes = Gauge("lrs_database_bytes", "Size of the store on disk", registry=self._registry)
        self._age = Gauge(
            "lrs_newest_statement_age_seconds", "Time since the newest statement was stored", registry=self._registry
        )
        self._well = Gauge("lrs_up", "1 when reads and writes are taken", registry=self._registry)

    def seen(self, resource: str, method: str, status: int, seconds: float) -> None:
        """Counts one request."""
        method = method if method in {"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"} else "other"
        self._requests.labels(resource, method, str(status)).inc()
        self._seconds.labels(resource, method).observe(seconds)

    async def answer(self, path: str) -> Reply:
        """The page of a probe."""
        newest = await asyncio.to_thread(self._newest)
        well = newest is not None and self._storage.writer.alive
        if path == "/health":
            told = {"status": "ok" if well else "failing", "newest_stored": times.text(newest) if newest else None}
            return json_reply(told, 200 if well else 503)
        self._well.set(int(well))
        self._bytes.set(await asyncio.to_thread(self._size))
        if newest:
            self._age.set((times.now() - newest) / 1_000_000)
        return Reply(200, generate_latest(self._registry), "text/plain; version=0.0.4; charset=utf-8")

    def _newest(self) -> int | None:
        try:
            return self._storage.reader.newest()
        except Exception:  # noqa: BLE001 - whatever the database says: it is not well
            return None

    def _size(self) -> int:
        try:
            return self._storage.database.size()
        except Exception:  # noqa: BLE001 - a probe answers
            return 0
