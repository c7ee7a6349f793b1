"""An external engine at tls://: verified by name, told nothing in the clear, renewed from disc."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from aiex.engine.address import EngineAddress
from aiex.engine.engine_tls import EngineTls
from aiex.engine.session import Session
from aiex.errors import EngineRefused
from aiex.testing.certificates import Authority, Issued
from aiex.testing.nats_fake import FakeNats
from aiex.testing.nats_process import HOST, PASSWORD, USER, NatsProcess, free_ports

pytestmark = pytest.mark.integration

DEADLINE_S = 10.0


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Authority:
    """An authority that nobody here trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), authority.openssl)


def server_with(
    directory: Path, authority: Authority, certificate: Issued, *, verify: bool = False
) -> NatsProcess:
    port = free_ports(1)[0]
    config = f"""
listen: "{HOST}:{port}"
authorization {{ user: "{USER}", password: "{PASSWORD}" }}
tls {{
  cert_file: "{certificate.certificate}"
  key_file: "{certificate.key}"
  ca_file: "{authority.ca_file}"
  verify: {str(verify).lower()}
}}
"""
    address = EngineAddress.of_url(f"tls://{HOST}:{port}", user=USER, password=PASSWORD)
    return NatsProcess(directory, config, address)


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[NatsProcess]:
    with server_with(tmp_path / "nats", authority, authority.issue("nats")) as one:
        yield one


@pytest.fixture
def choosy(tmp_path: Path, authority: Authority) -> Iterator[NatsProcess]:
    """A server that wants a certificate of its clients."""
    certificate = authority.issue("choosy")
    with server_with(tmp_path / "choosy", authority, certificate, verify=True) as one:
        yield one


def address_at(server: NatsProcess, tls: EngineTls, host: str = HOST) -> EngineAddress:
    return msgspec.structs.replace(server.address, tls=tls, host=host)


async def connects(address: EngineAddress) -> None:
    session = await Session.open(address, DEADLINE_S)
    await session.close()


async def refusal(address: EngineAddress) -> str:
    with pytest.raises(EngineRefused) as caught:
        await connects(address)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


async def test_a_server_of_the_named_authority_is_used(
    server: NatsProcess, authority: Authority
) -> None:
    await connects(address_at(server, EngineTls(ca_file=str(authority.ca_file))))


async def test_an_unknown_authority_is_told_with_the_setting(
    server: NatsProcess, stranger: Authority
) -> None:
    for tls in (EngineTls(ca_file=str(stranger.ca_file)), EngineTls()):
        words = await refusal(address_at(server, tls))
        assert "authority that is not trusted here" in words
        assert "engine.tls_ca_file" in words


async def test_a_certificate_for_another_host_is_told_with_that_host(
    tmp_path: Path, authority: Authority
) -> None:
    other = authority.issue("other", names="DNS:elsewhere.example")
    with server_with(tmp_path / "nats", authority, other) as one:
        words = await refusal(address_at(one, EngineTls(ca_file=str(authority.ca_file))))
    assert f"not for {HOST}" in words


async def test_a_certificate_that_ended_is_told(tmp_path: Path, authority: Authority) -> None:
    old = authority.issue("old", ended=True)
    with server_with(tmp_path / "nats", authority, old) as one:
        words = await refusal(address_at(one, EngineTls(ca_file=str(authority.ca_file))))
    assert "has ended; renew it at the engine" in words


async def test_a_server_that_wants_our_certificate_gets_it(
    choosy: NatsProcess, authority: Authority
) -> None:
    ours = authority.issue("node")
    await connects(
        address_at(choosy, EngineTls(str(ours.certificate), str(ours.key), str(authority.ca_file)))
    )


async def test_without_the_certificate_it_wants_both_settings_are_told(
    choosy: NatsProcess, authority: Authority
) -> None:
    words = await refusal(address_at(choosy, EngineTls(ca_file=str(authority.ca_file))))
    assert "wants a certificate of ours" in words
    assert "engine.tls_certificate_file and engine.tls_key_file" in words


async def test_our_certificate_of_an_authority_unknown_there_is_told(
    choosy: NatsProcess, authority: Authority, stranger: Authority
) -> None:
    foreign = stranger.issue("foreign")
    tls = EngineTls(str(foreign.certificate), str(foreign.key), str(authority.ca_file))
    assert "it refuses our certificate" in await refusal(address_at(choosy, tls))


async def test_our_certificate_that_ended_is_told(
    choosy: NatsProcess, authority: Authority
) -> None:
    old = authority.issue("old-node", ended=True)
    tls = EngineTls(str(old.certificate), str(old.key), str(authority.ca_file))
    words = await refusal(address_at(choosy, tls))
    assert "renew the file of engine.tls_certificate_file" in words


async def test_files_that_cannot_be_used_are_told_one_by_one(
    server: NatsProcess, authority: Authority, tmp_path: Path
) -> None:
    ours, others = authority.issue("ours"), authority.issue("others")
    ca, nothing = str(authority.ca_file), tmp_path / "empty"
    nothing.write_text("")
    for tls, words in (
        (EngineTls(ca_file="/nowhere"), "engine.tls_ca_file: /nowhere cannot be read"),
        (EngineTls(ca_file=str(nothing)), "holds no certificate in PEM form"),
        (EngineTls(str(ours.certificate), "/nowhere", ca), "engine.tls_key_file: /nowhere"),
        (EngineTls(str(ours.certificate), str(others.key), ca), "does not belong to the key"),
    ):
        assert words in await refusal(address_at(server, tls))


async def test_a_password_is_not_said_to_a_server_that_does_not_speak_tls() -> None:
    async with FakeNats().listening() as fake:
        address = msgspec.structs.replace(fake.address, scheme="tls", tls=EngineTls())
        with pytest.raises(EngineRefused, match="does not speak TLS"):
            await connects(address)
        assert fake.logins == []


async def test_a_session_goes_to_no_address_but_the_one_that_was_named(
    tmp_path: Path, authority: Authority
) -> None:
    """Servers tell of others; a name among those would be verified against what they say."""
    certificate, elsewhere = authority.issue("nats"), free_ports(1)[0]
    one = server_with(tmp_path / "nats", authority, certificate)
    one.add(f'client_advertise: "elsewhere.example:{elsewhere}"\n')
    address = address_at(one, EngineTls(ca_file=str(authority.ca_file)))
    with one:
        session = await Session.open(address, DEADLINE_S)
        one.kill()
        await session.until_ended()
        await session.close()
        one.start().ready()
        await connects(address)


async def test_the_end_of_a_session_by_tls_is_no_warning(
    server: NatsProcess, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    session = await Session.open(
        address_at(server, EngineTls(ca_file=str(authority.ca_file))), DEADLINE_S
    )
    server.kill()
    async with asyncio.timeout(DEADLINE_S):
        await session.until_ended()
    await session.close()
    assert not [one.getMessage() for one in caplog.records if one.name == "asyncio"]


async def test_renewed_files_are_used_at_the_next_connection(
    choosy: NatsProcess, authority: Authority, tmp_path: Path
) -> None:
    """As a mounted Secret changes: files are links through one directory that is swapped."""
    old, new = authority.issue("before", ended=True), authority.issue("after")
    mount = tmp_path / "mount"
    mount.mkdir()
    for name, issued in (("..1", old), ("..2", new)):
        (mount / name).mkdir()
        (mount / name / "tls.crt").write_bytes(issued.certificate.read_bytes())
        (mount / name / "tls.key").write_bytes(issued.key.read_bytes())
    (mount / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (mount / name).symlink_to(f"..data/{name}")
    tls = EngineTls(str(mount / "tls.crt"), str(mount / "tls.key"), str(authority.ca_file))
    await refusal(address_at(choosy, tls))
    (mount / "..tmp").symlink_to("..2")
    (mount / "..tmp").replace(mount / "..data")
    await connects(address_at(choosy, tls))
