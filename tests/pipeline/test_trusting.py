from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.attested import NOW, make_workshop
from xtask.cli import main
from xtask.errors import UntrustedError, UsageError
from xtask.image.evidence.envelope import STATEMENT_TYPE
from xtask.image.evidence.trust import BUILD, LOCAL_BUILDER, TRUST
from xtask.pipeline import trusting
from xtask.pipeline.progress import Progress
from xtask.pipeline.signing import signing, unsigned
from xtask.pipeline.verifying.verify import sign, verify
from xtask.settings import Settings, read_settings

if TYPE_CHECKING:
    from xtask.pipeline.verifying.verify import Verified


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(tmp_path, {"XTASK_ACTOR": "test"})


def here(settings: Settings) -> dict[str, list[bool]]:
    """By role, whether the private key of each trusted key is here."""
    found: dict[str, list[bool]] = {BUILD: [], TRUST: []}
    for row in trusting.listed(settings, NOW):
        found[row.key.roles[0]].append(row.is_here)
    return {role: sorted(known) for role, known in found.items()}


def without_trust_keys(settings: Settings, target: Path) -> None:
    target.mkdir()
    for row in trusting.listed(settings, NOW):
        if row.is_here and TRUST in row.key.roles:
            (settings.keys / f"{row.key.id}.pem").rename(target / f"{row.key.id}.pem")


def test_the_first_keys_sign_builds_and_trust_apart(settings: Settings) -> None:
    signed = trusting.init(settings, NOW)
    assert signed.trust.version == 1
    assert here(settings) == {BUILD: [True], TRUST: [True]}
    who = signing(settings, NOW)
    assert who.builder == LOCAL_BUILDER
    assert [one.public_key.keyid for one in who.signers] == [*signed.trust.of_role(BUILD)]
    with pytest.raises(UsageError, match="is there already"):
        trusting.init(settings, NOW)


def test_nobody_signs_where_there_are_no_keys(settings: Settings) -> None:
    assert signing(settings, NOW) == ((), LOCAL_BUILDER)


def test_a_rotated_key_of_builds_still_vouches_for_what_it_signed(settings: Settings) -> None:
    old = trusting.init(settings, NOW).trust
    new = trusting.rotate(settings, NOW, role=BUILD).trust
    assert new.version == 2
    assert new.of_role(BUILD).keys() > old.of_role(BUILD).keys()
    assert here(settings) == {BUILD: [False, True], TRUST: [True]}
    revoked = trusting.revoke(settings, key=next(iter(old.of_role(BUILD)))).trust
    assert revoked.of_role(BUILD).keys() == new.of_role(BUILD).keys() - old.of_role(BUILD).keys()


def test_a_rotated_key_of_trust_is_gone(settings: Settings) -> None:
    old = trusting.init(settings, NOW).trust
    new = trusting.rotate(settings, NOW, role=TRUST).trust
    assert old.of_role(TRUST).keys() & new.of_role(TRUST).keys() == set()
    assert here(settings) == {BUILD: [True], TRUST: [True]}
    assert trusting.rotate(settings, NOW, role=TRUST).trust.version == 3


def test_a_rotation_needs_the_keys_of_trust(settings: Settings, tmp_path: Path) -> None:
    trusting.init(settings, NOW)
    before = settings.workspace.trust.read_bytes()
    without_trust_keys(settings, tmp_path / "safe")
    for change in (
        lambda: trusting.rotate(settings, NOW, role=BUILD),
        lambda: trusting.revoke(settings, key=next(iter(trusting.listed(settings, NOW))).key.id),
    ):
        with pytest.raises(UsageError, match="0 of the 1 signatures") as said:
            change()
        assert "put the private keys of the role `trust`" in str(said.value.help)
    assert settings.workspace.trust.read_bytes() == before
    assert here(settings) == {BUILD: [True], TRUST: [False]}
    with pytest.raises(UsageError, match="no key of the role `trust` is here"):
        trusting.rotate(settings, NOW, role=TRUST)


def test_a_key_that_is_needed_cannot_be_revoked(settings: Settings) -> None:
    trust = trusting.init(settings, NOW).trust
    with pytest.raises(UsageError, match="asks for 1 keys of the role `build`"):
        trusting.revoke(settings, key=next(iter(trust.of_role(BUILD))))
    for unclear in ("", "x"):
        with pytest.raises(UsageError, match="no trusted keys"):
            trusting.revoke(settings, key=unclear)


def test_a_rotated_key_of_two_that_have_to_sign_does_not_become_two(settings: Settings) -> None:
    old = trusting.init(settings, NOW, holders=trusting.Holders(3, 2)).trust
    first = next(iter(old.of_role(BUILD)))
    with pytest.raises(UsageError, match="3 keys of the role `build` are here"):
        trusting.rotate(settings, NOW, role=BUILD)
    new = trusting.rotate(settings, NOW, role=BUILD, key=first[:12]).trust
    assert len(new.of_role(BUILD)) == 3
    assert first not in new.of_role(BUILD)
    with pytest.raises(UsageError, match="4 signatures of 3 keys cannot be"):
        trusting.init(settings, NOW, holders=trusting.Holders(3, 4))


def test_keys_that_cannot_sign_stop_a_build_instead_of_leaving_it_unsigned(
    settings: Settings,
) -> None:
    trusting.init(settings, NOW, days=1)
    with pytest.raises(UsageError, match=r"cannot sign this build: key \w+ has expired"):
        signing(settings, NOW + timedelta(days=1))
    settings.workspace.trust.unlink()
    with pytest.raises(UsageError, match="no file says that they are trusted"):
        signing(settings, NOW)


def test_a_holder_of_trust_keys_only_builds_unsigned(settings: Settings) -> None:
    trusting.init(settings, NOW)
    for row in trusting.listed(settings, NOW):
        if BUILD in row.key.roles:
            (settings.keys / f"{row.key.id}.pem").unlink()
    assert signing(settings, NOW).signers == ()


def test_a_trust_file_is_taken_over_and_never_an_older_one(tmp_path: Path) -> None:
    ours, theirs = (read_settings(tmp_path / name, {}) for name in ("ours", "theirs"))
    trusting.init(ours, NOW)
    versions = [ours.workspace.trust.read_bytes()]
    for role in (BUILD, TRUST):
        trusting.rotate(ours, NOW, role=role)
        versions.append(ours.workspace.trust.read_bytes())
    files = [tmp_path / f"{number}.json" for number in (1, 2, 3)]
    for file, data in zip(files, versions, strict=True):
        file.write_bytes(data)
        assert trusting.adopt(theirs, file, NOW).trust.version == int(file.stem)
    with pytest.raises(UntrustedError, match="version 2 of the trust file is older than 3"):
        trusting.adopt(theirs, files[1], NOW)
    trusting.init(read_settings(tmp_path / "evil", {}), NOW)
    with pytest.raises(UntrustedError, match="is older than 3"):
        trusting.adopt(theirs, tmp_path / "evil" / "releases" / "trust.json", NOW)
    assert theirs.workspace.trust.read_bytes() == versions[2]
    with pytest.raises(UsageError, match="cannot read"):
        trusting.adopt(theirs, tmp_path / "nowhere", NOW)
    later = NOW + timedelta(days=trusting.TRUST_DAYS)
    with pytest.raises(UntrustedError, match="is over"):
        trusting.adopt(read_settings(tmp_path / "new", {}), files[2], later)


class Silent:
    def started(self, stage: str) -> None: ...
    def finished(self, stage: object) -> None: ...
    def failed(self, stage: str) -> None: ...
    def waiting(self, reason: str) -> None: ...
    def warned(self, warnings: object) -> None: ...


def verified(settings: Settings) -> Verified:
    return verify(settings, Progress(Silent()), what="", trust_file=None, now=NOW)


def test_two_holders_sign_one_after_the_other(tmp_path: Path) -> None:
    shop = make_workshop(tmp_path)
    trusting.init(shop.settings, NOW, holders=trusting.Holders(2, 2))
    shop.attach(shop.statement(), STATEMENT_TYPE)
    first, second = (row for row in trusting.listed(shop.settings, NOW) if BUILD in row.key.roles)
    away = tmp_path / "away.pem"
    (shop.settings.keys / f"{second.key.id}.pem").rename(away)
    done = sign(shop.settings, Progress(Silent()), what=shop.build.id, now=NOW)
    assert done.failed is None
    assert str(verified(shop.settings).failed).count("1 of 2 keys have signed")
    away.rename(shop.settings.keys / f"{second.key.id}.pem")
    (shop.settings.keys / f"{first.key.id}.pem").unlink()
    sign(shop.settings, Progress(Silent()), what="", now=NOW)
    assert verified(shop.settings).failed is None
    again = shop.layout.index.read_bytes()
    sign(shop.settings, Progress(Silent()), what="", now=NOW)
    assert shop.layout.index.read_bytes() == again


def test_a_key_signs_nothing_that_does_not_hold(tmp_path: Path) -> None:
    shop = make_workshop(tmp_path)
    trusting.init(shop.settings, NOW)
    shop.attach(shop.statement("predicate", "buildDefinition", "buildType", to="x"), STATEMENT_TYPE)
    before = shop.layout.index.read_bytes()
    with pytest.raises(UntrustedError, match="parameters: the build is of the unknown type"):
        sign(shop.settings, Progress(Silent()), what="", now=NOW)
    path = shop.layout.path(shop.image.layers[0].digest)
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(UntrustedError, match=r"image: blob .* does not have the bytes"):
        sign(shop.settings, Progress(Silent()), what="", now=NOW)
    assert shop.layout.index.read_bytes() == before


def test_nothing_is_signed_without_a_key(tmp_path: Path) -> None:
    shop = make_workshop(tmp_path)
    with pytest.raises(UsageError, match="no key here that signs"):
        sign(shop.settings, Progress(Silent()), what="", now=NOW)


@pytest.mark.parametrize(
    "words",
    [("list", "--role", "build"), ("init", "it"), ("rotate", "--keys", "2"), ("trust",), ("sell",)],
)
def test_refuses_words_that_an_action_does_not_take(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", *words, "--workspace", str(tmp_path)]) == 2
    assert "error: " in capsys.readouterr().err
    assert not (tmp_path / "releases" / "keys").exists()


@pytest.mark.parametrize(
    "builder",
    ["ci", "/ci", "//ci.example", "https://", "https:///x", "ci.example/1", "urn:", "a b:c", "é:x"],
)
def test_a_builder_is_an_absolute_uri(settings: Settings, builder: str) -> None:
    with pytest.raises(UsageError, match="--builder takes an absolute URI"):
        trusting.init(settings, NOW, builder=builder)
    assert not settings.keys.exists()
    assert not settings.workspace.trust.exists()


@pytest.mark.parametrize(
    "builder",
    ["https://ci.example/1", "urn:x:y", "https://a.example/f.yml@refs/tags/v1", "tag:a@b"],
)
def test_a_builder_may_be_any_absolute_uri(settings: Settings, builder: str) -> None:
    trusting.init(settings, NOW, builder=builder)
    assert signing(settings, NOW).builder == builder


@pytest.mark.parametrize("builder", ["https://ci:pa55w0rd@ci.example/1", "https://tok@ci.example"])
def test_a_builder_has_no_user_in_it(
    tmp_path: Path, builder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["keys", "init", "--builder", builder, "--workspace", str(tmp_path)]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "a user or a password in it" in said
    assert "tok@" not in said
    assert "pa55w0rd" not in said
    assert not (tmp_path / "releases" / "keys").exists()


def test_what_another_builder_attested_is_not_signed_and_the_way_out_is_named(
    tmp_path: Path,
) -> None:
    shop = make_workshop(tmp_path)
    trusting.init(shop.settings, NOW, builder="https://ci.example/1")
    shop.attach(shop.statement(), STATEMENT_TYPE)
    before = shop.layout.index.read_bytes()
    with pytest.raises(
        UntrustedError, match="names the builder 'urn:x-xtask:builder:local'"
    ) as said:
        sign(shop.settings, Progress(Silent()), what="", now=NOW)
    assert "provenance.json`, then `xtask build`" in str(said.value.help)
    assert shop.layout.index.read_bytes() == before


def test_a_folder_of_keys_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    away = read_settings(tmp_path, {"XTASK_KEYS": str(tmp_path / "away")})
    with pytest.raises(UsageError, match=r"there is no folder .*away, which XTASK_KEYS names"):
        signing(away, NOW)
    trusting.init(away, NOW)
    assert len(signing(away, NOW).signers) == 1
    (tmp_path / "releases" / "keys").touch()
    with pytest.raises(UsageError, match="is not a folder"):
        signing(read_settings(tmp_path, {}), NOW)


def test_a_build_that_trusted_keys_do_not_sign_is_worth_a_warning(settings: Settings) -> None:
    assert unsigned(settings) == ()
    trusting.init(settings, NOW)
    [warning] = unsigned(settings)
    assert (warning.code, warning.severity) == ("XT0408", "warning")


def test_a_folder_that_others_may_read_is_changed_first(settings: Settings) -> None:
    trusting.init(settings, NOW)
    settings.keys.chmod(0o755)
    with pytest.raises(UntrustedError) as said:
        trusting.rotate(settings, NOW, role=BUILD)
    hint = str(said.value.help)
    assert hint.startswith(f"chmod it first: chmod 0700 {settings.keys};")
    settings.keys.chmod(0o700)
    trusting.rotate(settings, NOW, role=BUILD)


def test_nobody_waits_for_a_trust_file_that_is_none(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, {})
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(1 << 40)
    for name, reason in (("pipe", "it is not a file"), ("large", "has more than 1 MiB")):
        with pytest.raises(UsageError, match=reason):
            trusting.adopt(settings, tmp_path / name, NOW)
        with pytest.raises(UsageError, match=reason):
            trusting.read_trust_file(tmp_path / name)
    for other in (tmp_path, "/dev/zero"):
        with pytest.raises(UsageError, match="cannot read"):
            trusting.read_trust_file(Path(other))


def test_a_layout_that_does_not_say_so_is_not_verified(tmp_path: Path) -> None:
    shop = make_workshop(tmp_path)
    shop.attach(shop.statement(), STATEMENT_TYPE)
    assert verified(shop.settings).failed is None
    shop.layout.marker.unlink()
    failed = verified(shop.settings).failed
    assert failed is not None
    assert (failed.name, "oci-layout is gone or altered" in failed.says) == ("index", True)
