"""Signatures over a sidecar, offline: by `ssh-keygen -Y`, or with an ed25519 key through securesystemslib.

An SSH signature is over the bytes of the sidecar, under one namespace: a signature that somebody made of the same bytes
for another purpose is none. A DSSE envelope holds the in-toto Statement. Nothing here uses a network, and no key is
read but by the tool that signs; what these tools print is not passed on but for the names of key and signer.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube.errors import InvalidInput, SetupFailed
from auditcube.evidence.files import write_atomically
from auditcube.evidence.store import ENVELOPE, SIDECAR, SIGNATURE
from auditcube.manifest import attachments, attestation, codec

NAMESPACE = "mlcube.run_audit.v1"
_TIMEOUT_S = 120  # whoever signs may be asked for a passphrase, or to touch a key
_GOOD = re.compile(r'^Good "[^"]*" signature for (.+) with ([A-Z0-9-]+) key (SHA256:[A-Za-z0-9+/=]+)$', re.MULTILINE)


@dataclass(frozen=True)
class Trust:
    """Whose signatures count: SSH's file of allowed signers, of which `signer` is to be the one; public DSSE keys."""

    allowed_signers: Path | None = None
    signer: str | None = None
    dsse_keys: Sequence[Path] = ()


@dataclass(frozen=True)
class Signed:
    """By whom a sidecar is signed, and with which key; `problem` says why it does not count as signed."""

    signer: str = ""
    key: str = ""
    problem: tuple[str, str, str] | None = None


def target(sidecar: Path, kind: str) -> Path:
    """The file that a signature of this kind, `ssh` or `dsse`, goes to, beside the sidecar."""
    if kind == "ssh":
        return sidecar.with_name(f"{sidecar.name}.sig")
    return sidecar.with_name(f"{sidecar.stem}.dsse.json")


def sign(sidecar: Path, key: Path, kind: str) -> Path:
    """Sign a sidecar; returns the new file.

    `ssh` takes a private key, or a public one whose other half an agent has; `dsse` an ed25519 key, as PEM or OpenSSH
    has it, unencrypted. Raises InvalidInput for a key that does not sign, SetupFailed if ssh-keygen or the extra `dsse`
    is not there.
    """
    if not key.is_file():
        raise InvalidInput(f"{key}: no such key; make one with: ssh-keygen -t ed25519 -f FILE")
    signature = _signed_ssh(sidecar, key) if kind == "ssh" else _signed_dsse(sidecar, key)
    write_atomically(target(sidecar, kind), signature)
    return target(sidecar, kind)


def _signed_ssh(sidecar: Path, key: Path) -> bytes:
    done = _keygen(["-Y", "sign", "-n", NAMESPACE, "-f", str(key)], sidecar.read_bytes())
    if done.returncode or not done.stdout:
        raise InvalidInput(f"{key}: ssh-keygen did not sign: is it a private key, and the passphrase right?")
    return done.stdout


def _signed_dsse(sidecar: Path, key: Path) -> bytes:
    dsse, signer = _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = _loaded(key, private=True)
    if not isinstance(private, Ed25519PrivateKey):
        raise InvalidInput(f"{key}: is no ed25519 key; make one with: ssh-keygen -t ed25519 -f FILE")
    manifest, data = codec.read_json(sidecar)
    envelope = dsse.Envelope(attestation.encode(manifest, data, sidecar.name), attestation.PAYLOAD_TYPE, {})
    envelope.sign(signer.CryptoSigner(private))
    return (json.dumps(envelope.to_dict(), indent=2) + "\n").encode()


def check(root: Path, trust: Trust) -> list[Signed]:
    """Who signed the sidecar in `root`, of those who count: for each kind of trust one answer."""
    answers = []
    if trust.allowed_signers is not None:
        answers.append(_check_ssh(root, trust.allowed_signers, trust.signer))
    if trust.dsse_keys:
        answers.append(_check_dsse(root, trust.dsse_keys))
    return answers


def _check_ssh(root: Path, allowed: Path, signer: str | None) -> Signed:
    if not allowed.is_file():
        raise InvalidInput(f"{allowed}: no such file; its lines are as ssh-keygen(1) has them: NAME KEYTYPE KEY")
    if attachments.read(root / SIGNATURE) is None:
        return _missing(SIGNATURE, "`auditcube sign`")
    data = attachments.read(root / SIDECAR, codec.MAX_BYTES)
    found = _keygen(["-Y", "find-principals", "-f", str(allowed), "-s", str(root / SIGNATURE)], b"")
    names = [signer] if signer is not None else found.stdout.decode("utf-8", "replace").splitlines()
    for name in names:
        arguments = ["-Y", "verify", "-n", NAMESPACE, "-f", str(allowed), "-I", name, "-s", str(root / SIGNATURE)]
        done = _keygen(arguments, data or b"")
        good = _GOOD.search(done.stdout.decode("utf-8", "replace"))
        if done.returncode == 0 and good is not None:
            return Signed(good[1], f"{good[2]} {good[3]}")
    who = f"{signer} did not" if signer is not None else "nobody whom the file of allowed signers names"
    return Signed(problem=("signature", SIGNATURE, f"{who} sign these bytes for the namespace {NAMESPACE}"))


def _check_dsse(root: Path, files: Sequence[Path]) -> Signed:
    dsse, signer = _library()
    from securesystemslib.exceptions import VerificationError

    keys: dict[str, tuple[Path, Any]] = {}
    for file in files:
        key = signer.SSlibKey.from_crypto(_loaded(file, private=False))
        keys[key.keyid] = (file, key)
    data = attachments.read(root / ENVELOPE, 4 * codec.MAX_BYTES)
    if data is None:
        return _missing(ENVELOPE, "`auditcube sign --sign dsse`")
    manifest, own = codec.read_json(root / SIDECAR)
    if problem := attachments.envelope_problem(data, attestation.encode(manifest, own, SIDECAR)):
        return Signed(problem=("signature", ENVELOPE, problem))
    try:
        envelope = dsse.Envelope.from_dict(json.loads(data))
        accepted = envelope.verify([key for _, key in keys.values()], 1)
    except (VerificationError, ValueError, KeyError):
        return Signed(problem=("signature", ENVELOPE, "is signed with none of the keys given"))
    keyid = next(iter(accepted))
    return Signed(keys[keyid][0].name, f"{keys[keyid][1].scheme} {keyid}")


def _missing(name: str, by: str) -> Signed:
    return Signed(problem=("signature_missing", name, f"is not there; {by} makes it"))


def _keygen(arguments: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["ssh-keygen", *arguments], input=data, capture_output=True, timeout=_TIMEOUT_S)
    except FileNotFoundError as problem:
        raise SetupFailed("ssh-keygen is not here; it comes with OpenSSH 8.2 or later") from problem
    except subprocess.TimeoutExpired as problem:
        raise SetupFailed(f"ssh-keygen did not answer in {_TIMEOUT_S} s") from problem


def _library() -> tuple[Any, Any]:
    try:
        from securesystemslib import dsse, signer
    except ImportError as problem:
        raise SetupFailed("DSSE needs the extra dsse: pip install 'auditcube[dsse]'") from problem
    return dsse, signer


def _loaded(file: Path, private: bool) -> Any:
    """A key out of a PEM or OpenSSH file."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        data = file.read_bytes()
    except OSError as problem:
        raise InvalidInput(f"{file}: {problem.strerror}") from problem
    openssh = b"OPENSSH" in data or data.startswith((b"ssh-", b"ecdsa-"))
    try:
        if private:
            load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
            return load(data, None)
        return serialization.load_ssh_public_key(data) if openssh else serialization.load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Without the cause: its text may have parts of the key.
        raise InvalidInput(f"{file}: is no unencrypted {'private' if private else 'public'} key") from None
