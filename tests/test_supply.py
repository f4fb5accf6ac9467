"""What we install: exactly the files that are pinned, each named with its licence, and in the bill of materials."""

import json
import re
from importlib import metadata

import pytest
from cyclonedx import spdx
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import supply

FILES = ("requirements.txt", "requirements-dev.txt")


def asked(name: str) -> dict[str, Requirement]:
    """What a file that people write asks for, by name."""
    lines = (line.partition("#")[0].strip() for line in (supply.ROOT / name).read_text(encoding="utf-8").splitlines())
    wanted = (Requirement(line) for line in lines if line and not line.startswith("-"))
    return {canonicalize_name(each.name): each for each in wanted}


@pytest.mark.parametrize("name", FILES)
def test_every_package_is_pinned_with_the_hashes_of_its_files(name):
    text = (supply.ROOT / name).read_text(encoding="utf-8")
    packages = list(supply.pinned(supply.ROOT / name))
    assert len(packages) > 20
    assert len({package.name for package in packages}) == len(packages)
    assert all(package.hashes for package in packages)
    hashes = [each for package in packages for each in package.hashes]
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in hashes)
    assert len(hashes) == text.count("--hash=")
    assert "://" not in text and "index" not in text and "find-links" not in text


@pytest.mark.parametrize(("written", "pinned"), [("requirements.in", FILES[0]), ("requirements-dev.in", FILES[1])])
def test_what_we_ask_for_is_what_is_pinned(written, pinned):
    versions = {package.name: package.version for package in supply.pinned(supply.ROOT / pinned)}
    wanted = asked(written)
    assert len(wanted) > 10
    assert [name for name, each in wanted.items() if not each.specifier.contains(versions.get(name, "0"))] == []


def test_development_installs_the_same_files_as_production():
    in_development = {package.name: package for package in supply.pinned(supply.ROOT / FILES[1])}
    for package in supply.runs_on():
        same = in_development[package.name]
        assert (same.version, same.hashes) == (package.version, package.hashes), package.name


def test_the_tests_run_on_what_is_pinned():
    needed = [package for package in (*supply.runs_on(), *supply.developed_with()) if package.is_needed_here]
    assert len(needed) > 50
    installed = {package.name: metadata.version(package.name) for package in needed}
    assert installed == {package.name: package.version for package in needed}


def test_who_installs_asks_for_the_hashes():
    for name in ("Makefile", "Dockerfile"):
        installs = re.findall(r"pip install .*-r .*", (supply.ROOT / name).read_text(encoding="utf-8"))
        assert installs and all("--require-hashes" in each for each in installs), name


def test_the_page_of_licences_names_exactly_what_is_pinned():
    text = supply.PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| ([a-z][\w.-]+) \| (\S+) \| (.+) \|$", text)
    pinned = [(name, *found) for name in FILES for found in re.findall(r"(?m)^([\w.-]+).*==(\S+)", read(name))]
    versions = {(canonicalize_name(name), version) for _, name, version in pinned}
    assert sorted({(name, version) for name, version, _ in rows}) == sorted(versions)
    assert len(rows) == len(versions)
    assert [licence for _, _, licence in rows if not is_known(licence)] == []
    assert text == supply.page(), "run: make sbom"


def read(name: str) -> str:
    return (supply.ROOT / name).read_text(encoding="utf-8")


def is_known(licence: str) -> bool:
    return bool(licence.strip()) and (spdx.is_supported_id(licence) or spdx.is_expression(licence))


def test_what_we_read_of_a_licence_ourselves_is_still_pinned():
    assert set(supply.READ) <= {package.name for package in (*supply.runs_on(), *supply.developed_with())}


def test_the_bill_of_materials_names_what_is_deployed_with_hashes_licences_and_who_needs_whom():
    bill = json.loads(supply.bill())  # whose schema is checked as it is written
    parts = {part["bom-ref"]: part for part in bill["components"]}
    packages = {f"{package.name}=={package.version}": package for package in supply.runs_on()}
    assert set(parts) == set(packages)
    for name, package in packages.items():
        assert {each["content"] for each in parts[name]["hashes"]} == set(package.hashes)
        assert parts[name]["licenses"] and parts[name]["purl"].startswith("pkg:pypi/")
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    product = bill["metadata"]["component"]["bom-ref"]
    assert bill["metadata"]["component"]["name"] == "tiposync"
    reached, waiting = {product}, [product]
    while waiting:
        found = set(needs[waiting.pop()]) - reached
        reached |= found
        waiting += found
    not_here = {name for name, package in packages.items() if not package.is_needed_here}
    assert set(parts) - reached <= not_here
    assert f"cryptography=={packages_version('cryptography')}" in needs[product]


def packages_version(name: str) -> str:
    return next(package.version for package in supply.runs_on() if package.name == name)


def test_a_licence_that_nobody_stated_is_not_guessed(monkeypatch):
    segno = next(package for package in supply.runs_on() if package.name == "segno")
    monkeypatch.setattr(supply, "READ", {})
    with pytest.raises(LookupError, match="segno says nothing"):
        assert not segno.licence
