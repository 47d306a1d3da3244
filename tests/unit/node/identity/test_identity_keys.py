"""Our own keys: they survive a restart, sign for one purpose at a time, and are nowhere in the clear."""

import os
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import select, update

from node.errors import StateDamaged, UserError
from node.identity.certificates import Certificate, new_tls_key, server_name
from node.identity.keys import Identity, verify
from node.store.schema import settings
from node.wire.signing import MAX_LABEL_BYTES
from tests.support.offices import Office, office, profile


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with office(tmp_path_factory.mktemp("one") / "node") as made:
        yield made


def test_an_identity_survives_a_restart(one: Office) -> None:
    again = Identity.load(one.store)
    assert again.member_id == one.identity.member_id
    assert again.signed_card == one.identity.signed_card
    assert again.sign(b"label", b"data") == one.identity.sign(b"label", b"data")


def test_a_node_has_one_identity_only(one: Office) -> None:
    with pytest.raises(UserError, match="already has an identity"):
        Identity.create(one.store, profile("Other"), clock=one.clock, random_bytes=os.urandom)
    assert Identity.load(one.store).member_id == one.identity.member_id


def test_a_store_without_an_identity_says_what_to_do(tmp_path: Path) -> None:
    with office(tmp_path / "node") as made:
        with made.store.transaction() as tx:
            tx.execute(settings.delete())
        with pytest.raises(UserError, match="no identity yet"):
            Identity.load(made.store)


@pytest.mark.parametrize("key", ["identity.tls_key", "identity.sealing_key", "identity.card"])
def test_a_missing_part_is_damage(tmp_path: Path, key: str) -> None:
    with office(tmp_path / "node") as made:
        with made.store.transaction() as tx:
            tx.execute(settings.delete().where(settings.c.key == key))
        with pytest.raises(StateDamaged):
            Identity.load(made.store)


def test_keys_that_change_places_are_damage(tmp_path: Path) -> None:
    with office(tmp_path / "node") as made:
        with made.store.transaction() as tx:
            other = select(settings.c.value).where(settings.c.key == "identity.sealing_key").scalar_subquery()
            tx.execute(update(settings).where(settings.c.key == "identity.key").values(value=other))
        with pytest.raises(StateDamaged):
            Identity.load(made.store)


def test_another_nodes_parts_do_not_fit(one: Office, tmp_path: Path) -> None:
    with office(tmp_path / "other") as other:
        strange = other.store.cells.seal("settings", "identity.card", "value", one.card_file)
        with other.store.transaction() as tx:
            tx.execute(update(settings).where(settings.c.key == "identity.card").values(value=strange))
        with pytest.raises(StateDamaged):
            Identity.load(other.store)


def test_no_private_key_is_readable_in_the_folder(one: Office) -> None:
    sealed = {}
    with one.store.read() as tx:
        for key, value in tx.execute(select(settings.c.key, settings.c.value)):
            sealed[key] = one.store.cells.unseal("settings", key, "value", value)
    secrets = [sealed[f"identity.{name}"] for name in ("key", "tls_key", "sealing_key")]
    files = [path.read_bytes() for path in one.folder.rglob("*") if path.is_file()]
    assert files
    assert not [1 for secret in secrets for data in files if secret in data or secret.hex().encode() in data]
    # The control: what is not secret is found, so the search works.
    assert any(b"identity.key" in data for data in files)


def test_nothing_secret_shows_in_a_repr(one: Office) -> None:
    assert repr(one.identity) == f"Identity({one.identity.member_id})"


def test_a_signature_holds_for_its_label_data_and_key_only(one: Office) -> None:
    identity = one.identity
    signature = identity.sign(b"purpose/1", b"data")
    assert verify(identity.public_key, b"purpose/1", b"data", signature)
    assert not verify(identity.public_key, b"purpose/2", b"data", signature)
    assert not verify(identity.public_key, b"purpose/1d", b"ata", signature)
    assert not verify(identity.public_key, b"purpose/1", b"date", signature)
    assert not verify(identity.sealing_public_key, b"purpose/1", b"data", signature)
    assert not verify(identity.public_key, b"purpose/1", b"data", signature[:-1])
    assert not verify(identity.public_key, b"purpose/1", b"data", bytes(64))
    assert not verify(identity.public_key[:-1], b"purpose/1", b"data", signature)


@pytest.mark.parametrize("label", [b"", b"x" * (MAX_LABEL_BYTES + 1)])
def test_a_label_that_is_no_label_is_our_mistake(one: Office, label: bytes) -> None:
    with pytest.raises(ValueError, match="label"):
        one.identity.sign(label, b"data")


@pytest.mark.parametrize("text", [b"", b"blindmatch/", b"\x00\x00\x00\x05label", b"blindmatch/other\n1\n"])
def test_bare_signatures_are_for_our_own_checkpoints_only(one: Office, text: bytes) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        one.identity.sign_note(text)


def test_the_member_id_names_the_key(one: Office) -> None:
    assert re.fullmatch(r"[a-z2-7]{32}", one.identity.member_id)
    assert one.identity.signed_card.card.member_id == one.identity.member_id


def test_the_certificate_has_the_name_and_the_key(one: Office) -> None:
    certificate = Certificate.from_pem(one.identity.tls_cert_pem)
    assert certificate == one.identity.certificate
    assert server_name(one.identity.member_id).endswith(".blindmatch.invalid")
    assert load_pem_private_key(one.identity.tls_key_pem, None)


def test_a_key_outside_of_the_curve_order_is_drawn_again() -> None:
    draws = iter([b"\xff" * 32, bytes(32), bytes(31) + b"\x07"])
    assert new_tls_key(lambda _: next(draws)).private_numbers().private_value == 7
