"""Signatures by the real ssh-keygen, and envelopes that the public libraries of in-toto read."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement

from auditcube.publish import publish
from auditcube.signing import NAMESPACE
from bundles import SIDECAR, STATEMENT, Bundle, Record, sha256
from e2e.commands import Ended, called, job, sure_to_pass

SIGNATURE, ENVELOPE = f"{SIDECAR}.sig", "mlcube.run_audit.dsse.json"

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("result")
    with sure_to_pass() as server:
        assert called("audit", "--config", job(folder, server.url), "--output_dir", folder / "out").code == 0
    return folder / "out"


@pytest.fixture
def bundle(result: Path, tmp_path: Path) -> Bundle:
    return Bundle.copied(result, tmp_path / "out")


def new_key(folder: Path, name: str, passphrase: str = "") -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(folder / name)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / name


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of alice and mallory, and a file of allowed signers that names alice alone."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("alice", "mallory"):
        new_key(folder, name)
    allow(folder / "allowed", "alice@lab.example", folder / "alice.pub")
    return folder


def allow(file: Path, name: str, public: Path, options: str = "") -> Path:
    file.write_text(f"{name} {options}{public.read_text()}")
    return file


def verify(bundle: Bundle, *options: str | Path) -> Ended:
    return called("verify", bundle.root, *options)


def sign(bundle: Bundle, key: Path, *options: str) -> None:
    done = called("sign", bundle.root, "--key", key, *options)
    assert (done.code, done.err) == (0, "")


def test_signed_and_verified(bundle: Bundle, keys: Path) -> None:
    sign(bundle, keys / "alice")
    done = verify(bundle, "--allowed_signers", keys / "allowed", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", keys / "alice.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert told["signed"] == [{"signer": "alice@lab.example", "key": f"ED25519 {fingerprint}"}]
    assert "the sidecar is signed by somebody whose signature counts" in told["checks"]
    assert verify(bundle).code == 0
    assert "signed by: alice@lab.example" in verify(bundle, "--allowed-signers", keys / "allowed").out


def test_anybody_can_check_it_without_auditcube(bundle: Bundle, keys: Path) -> None:
    sign(bundle, keys / "alice")
    command = ["ssh-keygen", "-Y", "verify", "-f", str(keys / "allowed"), "-I", "alice@lab.example", "-n", NAMESPACE]
    data = bundle.sidecar.read_bytes()
    done = subprocess.run([*command, "-s", str(bundle.root / SIGNATURE)], input=data, capture_output=True)
    assert done.returncode == 0
    assert done.stdout.decode().startswith(f'Good "{NAMESPACE}" signature for alice@lab.example')


def resealed(bundle: Bundle) -> None:
    """An edit with all digests made right again."""
    bundle.claim(lambda m: m["provenance"].update(repo="https://github.com/somebody/else"))


def unscanned(manifest: Record) -> None:
    del manifest["redaction"]
    manifest["redaction_status"] = manifest["dataset_refs"][0]["redaction_status"] = "not_scanned"


def of_another_namespace(bundle: Bundle, keys: Path) -> None:
    (bundle.root / SIGNATURE).unlink()
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(keys / "alice"), str(bundle.sidecar)]
    subprocess.run(command, check=True, capture_output=True)


def by_mallory(bundle: Bundle, keys: Path) -> None:
    sign(bundle, keys / "mallory", "--overwrite")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda bundle, keys: resealed(bundle), "signature"),
        (of_another_namespace, "signature"),
        (by_mallory, "signature"),
        (lambda bundle, keys: (bundle.root / SIGNATURE).unlink(), "signature_missing"),
    ],
    ids=["edited and sealed again", "another namespace", "another signer", "not signed"],
)
def test_what_does_not_count(bundle: Bundle, keys: Path, spoil: Any, code: str) -> None:
    sign(bundle, keys / "alice")
    spoil(bundle, keys)
    done = verify(bundle, "--allowed_signers", keys / "allowed", "--json")
    assert done.code == 5
    assert [finding["code"] for finding in json.loads(done.out)["findings"]] == [code]
    assert json.loads(done.out)["signed"] == []


def test_one_of_several_can_be_demanded(bundle: Bundle, keys: Path, tmp_path: Path) -> None:
    sign(bundle, keys / "alice")
    both = tmp_path / "both"
    both.write_text((keys / "allowed").read_text() + f"mallory {(keys / 'mallory.pub').read_text()}")
    assert verify(bundle, "--allowed_signers", both, "--signer", "alice@lab.example").code == 0
    assert verify(bundle, "--allowed_signers", both, "--signer", "mallory").code == 5
    assert verify(bundle, "--signer", "mallory").code == 2


def test_the_options_of_allowed_signers_hold(bundle: Bundle, keys: Path, tmp_path: Path) -> None:
    sign(bundle, keys / "alice")
    for options, code in ((f'namespaces="{NAMESPACE}" ', 0), ('namespaces="git" ', 5), ('valid-before="20200101" ', 5)):
        allowed = allow(tmp_path / "allowed", "alice", keys / "alice.pub", options)
        assert verify(bundle, "--allowed_signers", allowed).code == code


def test_the_signer_is_told_and_not_written_down(bundle: Bundle, keys: Path, tmp_path: Path) -> None:
    """The output of `verify` is for everyone to read; who signed is for whoever asked."""
    sign(bundle, keys / "alice")
    assert verify(bundle, "--allowed_signers", keys / "allowed", "--output_dir", tmp_path / "told").code == 0
    assert not any(b"alice" in path.read_bytes() for path in (tmp_path / "told").iterdir())
    assert verify(Bundle(tmp_path / "told")).code == 0


def test_a_second_signature_needs_a_word(bundle: Bundle, keys: Path) -> None:
    sign(bundle, keys / "alice")
    done = called("sign", bundle.root, "--key", keys / "mallory")
    assert done.code == 3
    assert "--overwrite" in done.err


def test_what_does_not_hold_is_not_signed(bundle: Bundle, keys: Path) -> None:
    (bundle.root / "config.yaml").write_text("changed")
    done = called("sign", bundle.root, "--key", keys / "alice")
    assert done.code == 5
    assert not (bundle.root / SIGNATURE).exists()


def test_a_tree_is_signed_whole(bundle: Bundle, keys: Path, tmp_path: Path) -> None:
    Bundle.copied(bundle.root, tmp_path / "tree/one")
    Bundle.copied(bundle.root, tmp_path / "tree/two")
    done = called("sign", tmp_path / "tree", "--key", keys / "alice", "--json")
    assert [Path(path).parent.name for path in json.loads(done.out)["signed"]] == ["one", "two"]


def test_keys_that_do_not_sign(bundle: Bundle, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no key, but sk-live-51f0c2d9")
    shutil.copy(keys / "alice.pub", tmp_path / "other.pub")  # without its private half beside it, and without an agent
    for key in (tmp_path / "absent", tmp_path / "text", tmp_path / "other.pub"):
        for kind in ("ssh", "dsse"):
            done = called("sign", bundle.root, "--key", key, "--sign", kind)
            assert done.code == 2, (key, kind)
            assert "sk-live" not in done.err
    assert not (bundle.root / SIGNATURE).exists()


def test_a_passphrase_is_asked_for_on_the_terminal_and_stands_nowhere(bundle: Bundle, tmp_path: Path) -> None:
    key = new_key(tmp_path, "locked", "open sesame")
    command = [str(Path(sys.executable).with_name("auditcube")), "sign", str(bundle.root), "--key", str(key)]
    alone = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True)
    assert (alone.returncode, alone.stdout) == (2, "")
    # A process of its own has the terminal: it may fork, as it has no threads.
    spawn = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    typist = subprocess.Popen(
        [sys.executable, "-c", spawn, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert typist.stdin is not None
    assert typist.stdout is not None
    shown = b""
    while b"passphrase" not in shown:
        shown += os.read(typist.stdout.fileno(), 1000)
    typist.stdin.write(b"open sesame\n")
    typist.stdin.flush()
    rest, _ = typist.communicate(timeout=60)
    assert typist.returncode == 0
    assert b"sesame" not in shown + rest
    assert not any(b"sesame" in path.read_bytes() for path in bundle.files())


def test_without_ssh_keygen(bundle: Bundle, keys: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("auditcube"), "sign", bundle.root, "--key", keys / "alice"],
        env={"PATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 3
    assert "ssh-keygen is not here" in done.stderr


def test_the_statement_is_one_for_the_public_library(bundle: Bundle) -> None:
    raw = json.loads((bundle.root / STATEMENT).read_text("utf-8"))
    statement = Statement([], "", {})
    json_format.ParseDict(raw, statement.pb)
    statement.validate()
    subjects = {subject.name: subject.digest["sha256"] for subject in statement.pb.subject}
    files = {
        path.relative_to(bundle.root).as_posix(): sha256(path) for path in bundle.files() if path.name != STATEMENT
    }
    assert subjects == files
    assert raw["predicate"] == bundle.manifest


def test_an_envelope_is_one_for_the_public_library(bundle: Bundle, keys: Path) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    signer = pytest.importorskip("securesystemslib.signer")
    sign(bundle, keys / "alice", "--sign", "dsse")
    raw = json.loads((bundle.root / ENVELOPE).read_text("utf-8"))
    envelope = dsse.Envelope.from_dict(raw)
    key = signer.SSlibKey.from_crypto(load_ssh_public_key((keys / "alice.pub").read_bytes()))
    envelope.verify([key], 1)
    assert envelope.payload == (bundle.root / STATEMENT).read_bytes()
    assert envelope.payload_type == "application/vnd.in-toto+json"


def test_an_envelope_is_verified(bundle: Bundle, keys: Path, tmp_path: Path) -> None:
    pytest.importorskip("securesystemslib.dsse")
    assert verify(bundle, "--dsse_key", keys / "alice.pub").code == 5
    sign(bundle, keys / "alice", "--sign", "dsse")
    done = verify(bundle, "--dsse_key", keys / "mallory.pub", "--dsse_key", keys / "alice.pub", "--json")
    assert done.code == 0
    assert json.loads(done.out)["signed"][0]["signer"] == "alice.pub"
    assert verify(bundle, "--dsse_key", keys / "mallory.pub").code == 5
    assert verify(bundle, "--dsse_key", tmp_path / "absent").code == 2
    raw = json.loads((bundle.root / ENVELOPE).read_text("utf-8"))
    raw["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    (bundle.root / ENVELOPE).write_text(json.dumps(raw))
    assert verify(bundle, "--dsse_key", keys / "alice.pub").code == 5


def test_an_edit_breaks_the_envelope(bundle: Bundle, keys: Path) -> None:
    pytest.importorskip("securesystemslib.dsse")
    sign(bundle, keys / "alice", "--sign", "dsse")
    resealed(bundle)
    done = verify(bundle, "--json")
    assert [finding["path"].rpartition("/")[2] for finding in json.loads(done.out)["findings"]] == [ENVELOPE]


def test_pem_keys_sign_and_verify_too(bundle: Bundle, tmp_path: Path) -> None:
    pytest.importorskip("securesystemslib.dsse")
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    private, public, other = tmp_path / "key.pem", tmp_path / "pub.pem", tmp_path / "rsa.pem"
    for command in (
        f"genpkey -algorithm ed25519 -out {private}",
        f"pkey -in {private} -pubout -out {public}",
        f"genpkey -algorithm RSA -out {other}",
    ):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True)
    sign(bundle, private, "--sign", "dsse")
    assert verify(bundle, "--dsse_key", public).code == 0
    done = called("sign", bundle.root, "--key", other, "--sign", "dsse", "--overwrite")
    assert done.code == 2
    assert "no ed25519 key" in done.err


def test_a_publishable_copy_of_the_same_bytes_stays_signed(bundle: Bundle, keys: Path, tmp_path: Path) -> None:
    sign(bundle, keys / "alice")
    publish(bundle.root, tmp_path / "same", None)
    assert verify(Bundle(tmp_path / "same"), "--allowed_signers", keys / "allowed").code == 0
    bundle.replace("report.html", "<body>", "<body><!-- /home/erika/job -->")
    bundle.claim(unscanned)
    (bundle.root / SIGNATURE).unlink()
    sign(bundle, keys / "alice")
    publish(bundle.root, tmp_path / "other", None)
    assert verify(Bundle(tmp_path / "other"), "--allowed_signers", keys / "allowed").code == 5
    assert verify(Bundle(tmp_path / "other")).code == 0
