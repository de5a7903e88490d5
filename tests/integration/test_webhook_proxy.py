"""The webhook through a proxy: told by it, under the name that it alone knows, or not at all."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore
import pytest

from tests.contract.resolver_contract import run
from tests.integration.live_support import Live, with_live
from tests.integration.test_webhook import Bell, ended_batch, receiver
from tests.loopback import refusing_port
from tests.socks import CONNECT, SOURCE, SocksServer
from tests.standing import listening
from truename.checked_net import Forbidden
from truename.gateway import Gateway
from truename.proxy import Proxy
from truename.web.webhook import Target, open_pool

NAMES = {"hook.example": "127.0.0.1"}


@asynccontextmanager
async def answering(*, certificate: tuple[Path, Path] | None = None) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that answers 204 to everybody; its port, and where its callers came from."""
    import ssl

    sources: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sources.append(writer.get_extra_info("peername")[0])
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    async with listening(serve, context=context) as server:
        yield server.port, sources


async def post(proxy: str, url: str, *, allow_private: bool = False) -> int:
    gateway = Gateway(Proxy.of(proxy))
    async with (
        asyncio.timeout(30),
        open_pool(allow_private=allow_private, gateway=gateway) as pool,
        pool.stream("POST", url, content=b"{}") as answer,
    ):
        return answer.status


def test_a_batch_is_told_through_it(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        await ended_batch(site)
        async with receiver() as found, SocksServer(NAMES).serving() as proxy:
            bell = Bell(site, found.url)
            gateway = Gateway(Proxy.of(proxy.url))
            async with open_pool(allow_private=False, gateway=gateway) as pool:
                bell.webhook._target = Target(
                    url=found.url.replace("127.0.0.1", "hook.example"), secret="", allow_private=False, gateway=gateway
                )
                assert await bell.webhook.tell(pool) == 1
            assert len(found.told) == 1
            assert [host for _, host, _ in proxy.asked] == ["hook.example"]

    with_live(tmp_path, scenario)


def test_the_receiver_sees_the_proxy_which_looks_its_name_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError(args)

    async def test() -> None:
        async with SocksServer(NAMES).serving() as proxy, answering() as (port, sources):
            with monkeypatch.context() as patched:
                patched.setattr(socket, "getaddrinfo", never)
                assert await post(proxy.url, f"http://hook.example:{port}/") == 204
            assert (sources, proxy.asked) == ([SOURCE], [(CONNECT, "hook.example", port)])

    run(test())


def test_a_private_address_is_refused_without_a_word_to_the_proxy() -> None:
    async def test() -> None:
        async with SocksServer(NAMES).serving() as proxy, answering() as (port, sources):
            with pytest.raises(Forbidden):
                await post(proxy.url, f"http://127.0.0.1:{port}/")
            assert (proxy.connections, sources) == (0, [])
            assert await post(proxy.url, f"http://127.0.0.1:{port}/", allow_private=True) == 204
            assert sources == [SOURCE]

    run(test())


def test_when_the_proxy_is_down_nothing_goes_another_way() -> None:
    async def test() -> None:
        async with answering() as (port, sources):
            with refusing_port() as nobody, pytest.raises(OSError, match="proxy"):
                await post(f"socks5://127.0.0.1:{nobody}", f"http://127.0.0.1:{port}/", allow_private=True)
            async with SocksServer(login=("alice", "right")).serving() as proxy:
                with pytest.raises(OSError, match="proxy"):
                    await post(proxy.url.replace("right", "wrong"), f"http://127.0.0.1:{port}/", allow_private=True)
        assert sources == []

    run(test())


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """For `hook.example`, and its key; nobody but itself vouches for it."""
    key, signed = tmp_path / "key.pem", tmp_path / "certificate.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    more = ("-subj", "/CN=hook.example", "-addext", "subjectAltName=DNS:hook.example", "-days", "2")
    command = ["openssl", "req", "-x509", *curve, "-keyout", key, "-out", signed, *more]
    subprocess.run(command, check=True, capture_output=True)
    return signed, key


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_goes_through_it_and_the_name_has_to_be_proved(
    certificate: tuple[Path, Path], trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    async def test() -> None:
        async with SocksServer(NAMES).serving() as proxy, answering(certificate=certificate) as (port, _):
            told = post(proxy.url, f"https://hook.example:{port}/")
            if trusted:
                assert await told == 204
            else:
                with pytest.raises(httpcore.ConnectError):
                    await told

    run(test())
