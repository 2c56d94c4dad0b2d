"""The closing lines of a command, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from auditcube.errors import ExitCode
from auditcube.load.pacing import End

if TYPE_CHECKING:  # each command brings what it shows; of the others' parts it wants none
    from auditcube.loadgen.judged import Judged
    from auditcube.manifest.finding import Finding
    from auditcube.publish import Published
    from auditcube.results import Performed
    from auditcube.scan.files import Looked
    from auditcube.verification.checked import Verification

_COLOURS = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
_SHOWN_ERRORS = 3  # the summary has more
_UNJUDGED = {
    ExitCode.FAIL: "FAIL: a bound on latency was not kept.",
    ExitCode.INCONCLUSIVE: "INCONCLUSIVE: the client was too slow for the load; more workers, or more cores, may do.",
    ExitCode.RUN_BROKEN: "The run broke off or is partial: it says nothing about the endpoint.",
}
_RECORDED = {
    ExitCode.RUN_BROKEN: "The evidence holds: the task that was recorded failed.",
    ExitCode.INCONCLUSIVE: "INCONCLUSIVE: the evidence holds, and does not show that the task that was recorded ran.",
}
_ENDS = {End.MAX_DURATION: "at max_duration_s", End.INTERRUPTED: "interrupted", None: "broke off"}


def outcome_json(outcome: Performed) -> dict[str, Any]:
    """What `--json` prints after a task that made runs."""
    return {
        "exit_code": int(outcome.exit_code),
        "output_dir": str(outcome.store.root),
        "manifest": str(outcome.store.sidecar),
        "report": str(outcome.store.report),
        "verdicts": outcome.manifest["verdicts"],
        "headline": outcome.manifest["headline"],
        "claim_status": outcome.manifest["claim_status"],
        "claim_refused": list(outcome.refused),
    }


def print_outcome(outcome: Performed) -> None:
    """A row per run, a row per audit, and where the evidence lies."""
    from auditcube.summary import remarks

    console = _console()
    console.print(_runs_table(outcome))
    for label, run in outcome.runs.items():
        for error in run.events.errors[:_SHOWN_ERRORS]:
            console.print(f"  {label}: {error}", soft_wrap=True, markup=False, highlight=False)
        for remark in remarks(run):
            console.print(f"  {label}: {remark}", soft_wrap=True, markup=False, highlight=False)
    if outcome.manifest["verdicts"]:
        console.print(_verdict_table(outcome.manifest["verdicts"]))
        _print_reasons(console, outcome.manifest["verdicts"])
    elif outcome.exit_code:
        console.print(Text(_UNJUDGED[outcome.exit_code], "bold yellow"))
    else:
        console.print("Measured, not audited.")
    for reason in outcome.refused:
        text = f"Claim: {outcome.manifest['claim_status']}, not public: {reason}"
        console.print(text, soft_wrap=True, markup=False, highlight=False)
    console.print(f"Evidence: {outcome.store.root}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"Report:   {outcome.store.report}", soft_wrap=True, markup=False, highlight=False)


def print_verification(verification: Verification) -> None:
    """What was checked, then every finding, then the verdicts that follow."""
    console = _console()
    for part in verification.parts:
        console.print(f"{part.store.root}:", soft_wrap=True, markup=False, highlight=False)
        for check in part.checks:
            console.print(f"  checked: {check}", soft_wrap=True, markup=False, highlight=False)
        for limit in part.limits:
            console.print(f"  not checked: {limit}", soft_wrap=True, markup=False, highlight=False)
        for signer, key in part.signed:
            console.print(f"  signed by: {signer}, {key}", soft_wrap=True, markup=False, highlight=False)
    print_findings([str(finding) for finding in verification.findings])
    if verification.findings:
        console.print(Text("REJECTED: the evidence does not hold; no verdict follows from it.", "bold red"))
    elif verification.verdicts:
        console.print(_verdict_table(verification.verdicts))
        _print_reasons(console, verification.verdicts)
    elif (ended := verification.parts[-1].ended) is not ExitCode.PASS:
        console.print(Text(_RECORDED[ended], "bold yellow"))
    elif verification.exit_code is ExitCode.INCONCLUSIVE and not verification.parts[-1].results:
        console.print(Text("INCONCLUSIVE: what is withheld is needed to recompute anything.", "bold yellow"))
    else:
        console.print(Text("The evidence holds; it claims no verdict.", "bold green"))


def print_forecast(told: Mapping[str, Any]) -> None:
    """The planned runs as a table, and why they stand in this order."""
    console = _console()
    table = _table("run")
    for column in ("queries", "about", "kept"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("order", "for"):
        table.add_column(column)
    for run in told["runs"]:
        cells = (str(run["queries"]), _about(run["seconds"]), f"{run['kept']:.0%}", run["order"], ", ".join(run["for"]))
        table.add_row(run["label"], *cells)
    console.print(table)
    for run in told["runs"]:
        console.print(f"{run['label']}: {run['why']}", soft_wrap=True, markup=False, highlight=False)
    hint = "; --latency-s tells more" if told["seconds"] is None else ""
    text = f"{told['queries']} queries, about {_about(told['seconds'])}, at most {_about(told['most_seconds'])}{hint}"
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def _about(seconds: float | None) -> str:
    from auditcube.progress import duration

    return "unknown" if seconds is None else duration(seconds)


def print_judged(judged: Judged, directory: Path) -> None:
    """The verdict by the chosen rule, its remarks, and every reason why the other rule sees it otherwise."""
    console = _console()
    _print_reasons(console, [judged.to_json()["verdict"]])
    for difference in judged.differences:
        console.print(f"  differs: {difference}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"files: {directory}", soft_wrap=True, markup=False, highlight=False)


def print_findings(findings: list[str]) -> None:
    """One line for each defect."""
    console = _console()
    for finding in findings:
        console.print(finding, soft_wrap=True, markup=False, highlight=False, style="red")


def print_review(results: Sequence[Mapping[str, Any]], findings: Sequence[Finding]) -> None:
    """Each result as a line of a table, then every finding."""
    console = _console()
    table = _table("result")
    for column in ("task", "benchmark", "claim", "verdicts", "ends with"):
        table.add_column(column)
    for result in results:
        verdicts = ", ".join(f"{test} {outcome}" for test, outcome in result["outcomes"].items())
        cells = (result["task"], result["benchmark"], result["claim_status"], verdicts, str(result["exit_code"]))
        table.add_row(result["path"], *cells)
    console.print(table)
    print_findings([str(finding) for finding in findings])
    console.print(f"{len(results)} results, {len(findings)} findings")


def print_looked(looked: Looked) -> None:
    """A line for each finding and for each file that was not looked at, then the sum."""
    console = _console()
    for leak in looked.leaks:
        console.print(str(leak), soft_wrap=True, markup=False, highlight=False, style="red")
    for path, reason in looked.skipped:
        console.print(f"{path}: not looked at: {reason}", soft_wrap=True, markup=False, highlight=False)
    sums = f"{looked.files} files, {looked.bytes} bytes, {len(looked.leaks)} findings"
    console.print(f"{sums}, {len(looked.skipped)} not looked at", soft_wrap=True, markup=False, highlight=False)


def print_published(published: Published, output: Path) -> None:
    """What is in the copy, and where the salts are that must stay private."""
    console = _console()
    sums = f"{published.results} results with {published.files} files; {published.withheld} things withheld"
    console.print(f"{output}: {sums}", soft_wrap=True, markup=False, highlight=False)
    if published.salts is not None:
        console.print(f"Keep private: {published.salts}", soft_wrap=True, markup=False, highlight=False)


def print_manifest(manifest: Mapping[str, Any]) -> None:
    """A sidecar for people: what ran, what it claims, what it rests on."""
    console = _console()
    table = Table(show_header=False, box=None)
    task = manifest.get("task_status", {})
    rows = {
        "task": f"{manifest['mlcube_task']}, {task.get('state', 'unknown')}, exit {task.get('exit_code', 'unknown')}",
        "benchmark": manifest["benchmark"],
        "run id": manifest.get("run_id", "unknown"),
        "runner": f"{manifest['runner']}, image {manifest['image']}",
        "time": f"{manifest.get('started_on', 'unknown')} to {manifest.get('finished_on', 'unknown')}",
        "data": ", ".join(ref["source_id"] for ref in manifest["dataset_refs"]),
        "code": f"{manifest['provenance']['repo']} at {manifest['provenance']['commit']}",
        "claim": f"{manifest['claim_status']}; redaction: {manifest['redaction_status']}",
        "files": str(len(manifest.get("artifacts", []))),
    }
    for name, text in rows.items():
        table.add_row(name, Text(text))
    for entry in manifest.get("headline", []):
        table.add_row(entry["metric"], Text(f"{entry['value']} {entry['unit']}"))
    console.print(table)
    if manifest.get("verdicts"):
        console.print(_verdict_table(manifest["verdicts"]))


def print_image(members: Mapping[str, Any]) -> None:
    """What the host found out about an image: every digest with its kind, and plainly what is unknown."""
    rows: list[tuple[str, str]] = []
    for name, value in members.items():
        if name in members["resolvers"]:
            values = value if isinstance(value, list) else [value]
            rows += [(name, f"sha256:{each['sha256'] if isinstance(each, dict) else each}") for each in values]
        elif name not in ("resolvers", "unknown"):
            rows.append((name, value))
    rows += [(name, "unknown") for name in members["unknown"]]
    for name, text in rows:
        print(f"{name}: {text}")


def _console() -> Console:
    # In a pipe there is no width to keep to; a table is then as wide as it needs to be.
    console = Console()
    return console if console.is_terminal else Console(width=160)


def _table(*left: str) -> Table:
    """A table without vertical lines: ours fit into 80 columns."""
    return Table(*left, box=SIMPLE_HEAD, pad_edge=False)


def _runs_table(outcome: Performed) -> Table:
    table = _table("run")
    for column in ("completed", "time", "throughput", "p50 latency", "p99 latency"):
        table.add_column(column, justify="right", no_wrap=True)
    whole = all(run.end is End.COMPLETED for run in outcome.runs.values())
    if not whole:
        table.add_column("ended")
    for label, run in outcome.runs.items():
        percentiles = run.latency_ns["percentiles"] if run.latency_ns else {}
        cells = (
            *(label, f"{run.completed}/{len(run.events)}", f"{run.duration_s:.2f} s", _rate(run.throughput_per_s)),
            *(_ms(percentiles.get("50")), _ms(percentiles.get("99"))),
        )
        table.add_row(*cells, *(() if whole else (_ENDS.get(run.end, ""),)))
    return table


def _verdict_table(verdicts: Any) -> Table:
    table = _table("audit")
    for column in ("reference", "audit", "ratio", "limit"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict")
    for verdict in verdicts:
        numbers = verdict["numbers"]
        reference, audit = numbers.get("reference_per_s"), numbers.get("audit_per_s")
        ratio = f"{audit / reference:.3f}" if audit and reference else "-"
        outcome = Text(verdict["outcome"], _COLOURS[verdict["outcome"]])
        rates = (_rate(reference), _rate(audit), ratio, _rate(numbers.get("limit_per_s")))
        table.add_row(verdict["test"], *rates, outcome)
    return table


def _print_reasons(console: Console, verdicts: Any) -> None:
    for verdict in verdicts:
        line = f"{verdict['test']}: {verdict['outcome']}: {verdict['reason']}"
        console.print(Text(line, _COLOURS[verdict["outcome"]]), soft_wrap=True)
        for remark in verdict["remarks"]:
            console.print(f"  note: {remark['text']}", soft_wrap=True, markup=False, highlight=False)


def _rate(per_s: float | None) -> str:
    return "-" if per_s is None else f"{per_s:.4g}/s"


def _ms(ns: int | None) -> str:
    return "-" if ns is None else f"{ns / 1e6:.4g} ms"
