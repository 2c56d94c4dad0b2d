"""What mlcube.yaml hands on in variables, on the host: MLCube passes paths and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.commands import ROWS, SIDECAR, Server, auditcube, job

IMAGE_ID = "ab" * 32


def test_overwrite_may_be_asked_for_by_a_variable(honest: Server, tmp_path: Path) -> None:
    config = job(tmp_path, honest.url, samples=min(ROWS, 8))
    arguments = ("run_reference", "--config", config, "--output_dir", tmp_path / "out")
    assert auditcube(*arguments).code == 0
    first = (tmp_path / "out" / SIDECAR).read_bytes()
    for value in ("", "0"):
        refused = auditcube(*arguments, variables={"AUDITCUBE_OVERWRITE": value})
        assert refused.code == 3
        assert "AUDITCUBE_OVERWRITE=1" in refused.err
    assert (tmp_path / "out" / SIDECAR).read_bytes() == first
    assert auditcube(*arguments, variables={"AUDITCUBE_OVERWRITE": "1"}).code == 0
    assert (tmp_path / "out" / SIDECAR).read_bytes() != first


def test_a_cheat_may_be_named_by_a_variable(tmp_path: Path) -> None:
    done = auditcube("demo", "--output_dir", tmp_path / "out", variables={"CHEAT": "exact_cache"})
    assert done.code == 1, done.out
    assert auditcube("demo", "--output_dir", tmp_path / "no", variables={"CHEAT": "nonsense"}).code in (2, 3)


def test_the_runners_word_reaches_the_sidecar_of_every_task(honest: Server, tmp_path: Path) -> None:
    """Told outside of any container, it is recorded with the contradiction, and verify is told for itself."""
    config = job(tmp_path, honest.url, samples=min(ROWS, 8))
    cube = tmp_path / "mlcube.yaml"
    cube.write_text("name: cube\n", "utf-8")
    told = {
        "AUDITCUBE_RUNNER": "docker",
        "AUDITCUBE_IMAGE": "localhost/a:1",
        "AUDITCUBE_IMAGE_ID": f"sha256:{IMAGE_ID}",
    }
    made, verified = tmp_path / "made", tmp_path / "verified"
    options = ("--mlcube_config", cube, "--output_dir")
    assert auditcube("run_reference", "--config", config, *options, made, variables=told).code == 0
    done = auditcube("verify", "--reference_dir", made, *options, verified, variables=told)
    assert done.code == 0, done.out
    for folder in (made, verified):
        manifest = json.loads((folder / SIDECAR).read_text("utf-8"))
        assert (manifest["runner"], manifest["image"]) == ("docker", "localhost/a:1")
        assert manifest["image_identity"]["config_digest"] == {"sha256": IMAGE_ID}
        assert manifest["mlcube_config_hash"].startswith("sha256:")
    assert auditcube("manifest", "validate", made, verified).code == 0
    bad = auditcube("verify", made, variables={"AUDITCUBE_IMAGE_ID": "x"})
    assert bad.code == 2
    assert "AUDITCUBE_IMAGE_ID" in bad.err
