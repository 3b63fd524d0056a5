"""A proxy between client and LRS that breaks things on the way, as networks, load balancers and servers do."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit


class FaultProxy:
    """Stands between client and LRS and does to each request what `fault(number, method)` names:

    None, `cut-before` (the LRS never sees it), `cut-after` (the LRS obeyed, the answer is lost), `cut-in-answer`, `wrong-json`, `half-json`, `slow`,
    or an answer of its own as (status, headers, body).
    """

    def __init__(self, target: str, fault: Callable[[int, str], Any]) -> None:
        parts = urlsplit(target)
        self.host, self.port, self.path = parts.hostname, parts.port, parts.path
        self.fault, self.count, self.faults = fault, 0, 0
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)
        self.endpoint = f"http://127.0.0.1:{self.own}{self.path}"

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 26))
        self.own = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.05))
        self.loop.close()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    @staticmethod
    async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return head, await reader.readexactly(length) if length else b""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head, body = await self._message(reader)
                self.count += 1
                fault = self.fault(self.count, head.split(b" ", 1)[0].decode())
                self.faults += fault is not None
                if fault == "cut-before":
                    return
                if isinstance(fault, tuple):
                    writer.write(_answer(*fault))
                    await writer.drain()
                    continue
                if fault == "slow":
                    await asyncio.sleep(0.3)
                upstream, up = await asyncio.open_connection(self.host, self.port, limit=1 << 26)
                up.write(head + body)
                answer_head, answer = await self._message(upstream)
                up.close()
                if fault == "cut-after":
                    return
                if fault == "cut-in-answer":
                    writer.write(answer_head + answer[: max(len(answer) - 3, 0)])
                    await writer.drain()
                    return
                if fault == "wrong-json":
                    writer.write(_answer(200, {}, b"<html>It works!</html>"))
                elif fault == "half-json":
                    writer.write(_answer(200, {}, answer[: len(answer) // 2] or b"["))
                else:
                    writer.write(answer_head + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


def _answer(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
