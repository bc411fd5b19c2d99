"""The report as JUnit XML: one case for each requirement, and for everything else that has a verdict.

INCONCLUSIVE is an error, not a skip: a skipped case reads as green, and no data is never a pass. A skip is
what nobody required (DONE).
"""

from __future__ import annotations

import re
import time
from typing import Final, TextIO
from xml.etree import ElementTree as ET

from loadproof.model import Finding, Report, Verdict
from loadproof.reports.evidence import requirement_row
from loadproof.reports.topics import is_requirement, topic_of
from loadproof.reports.validity import validity_line

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped (section 2.2)."""
_WRONG: Final = {
    Verdict.FAIL: ("failure", "failed"),
    Verdict.INCONCLUSIVE: ("error", "inconclusive"),
    Verdict.DONE: ("skipped", "done"),
}


def write_junit(report: Report, stream: TextIO) -> None:
    """One test suite, with the schema that Jenkins, GitLab and GitHub actions read."""
    findings = [finding for finding in report.findings if not finding.is_note]
    suite = ET.Element(
        "testsuite",
        name=_clean(f"loadproof {report.name}"),
        tests=str(len(findings)),
        failures=str(sum(finding.verdict is Verdict.FAIL for finding in findings)),
        errors=str(sum(finding.verdict is Verdict.INCONCLUSIVE for finding in findings)),
        skipped=str(sum(finding.verdict is Verdict.DONE for finding in findings)),
        time=f"{report.duration_s:.3f}",
        timestamp=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(report.started_at_s)),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    for finding in findings:
        suite.append(_case(report, finding))
    ET.SubElement(suite, "system-out").text = _clean(f"{report.verdict}: {report.sentence}")
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    stream.write(ET.tostring(root, encoding="unicode"))
    stream.write("\n")


def _properties(report: Report) -> list[tuple[str, str]]:
    facts = report.facts
    return [
        ("verdict", str(report.verdict)),
        *([("valid", validity_line(report.conditions))] if report.conditions else []),
        ("outcome", str(report.outcome)),
        ("engine", str(facts["engine"])),
        ("target", str(facts["target"] or "")),
        ("window", report.window),
        ("run_file", report.run_file),
    ]


def _case(report: Report, finding: Finding) -> ET.Element:
    name = finding.id
    if is_requirement(finding):
        row = requirement_row(finding)
        name = f"{row.subject} {row.required}"
    classname = f"loadproof.{report.name}.{topic_of(finding)}"
    case = ET.Element("testcase", name=_clean(name), classname=_clean(classname), time="0.000")
    if finding.verdict in _WRONG:
        tag, kind = _WRONG[finding.verdict]
        wrong = ET.SubElement(case, tag, message=_clean(finding.sentence), type=kind)
        lines = [finding.sentence, finding.advice, f"written in {finding.source}"]
        wrong.text = _clean("\n".join(line for line in lines if line and line != "written in "))
    return case


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
