"""What Dockerfile, compose.yaml and Procfile say, done here without Docker: only what the image has, DEBUG off."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import yaml

from tests import supply
from tests.benchmarks.staging.stage import free_port, wait_for_port
from tests.support.databases import new_database
from tests.tiposync.test_settings import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
OURS = ("release", "web", "worker")
HOST = "sync.example.com"
SECONDS = 90


def command_of(service: str) -> list[str]:
    """What a container runs: its own command, or the image's."""
    return SERVICES[service].get("command") or json.loads(re.search(r"(?m)^CMD (\[.*\])$", DOCKERFILE)[1])


class TestTheFiles:
    def test_every_service_has_what_it_needs_to_stand_and_to_be_watched(self):
        assert set(SERVICES) == {"database", *OURS}
        for name in ("database", "web"):
            assert {"test", "interval", "timeout", "retries"} <= set(SERVICES[name]["healthcheck"])
        for name in OURS:
            service = SERVICES[name]
            assert service["env_file"] == ".env" and service["read_only"] and service["cap_drop"] == ["ALL"]
        for name in ("web", "worker"):
            assert SERVICES[name]["depends_on"] == {"release": {"condition": "service_completed_successfully"}}
        assert SERVICES["release"]["depends_on"] == {"database": {"condition": "service_healthy"}}

    def test_only_the_web_is_reached_from_outside_and_only_from_this_machine(self):
        assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
            "web": ["127.0.0.1:8000:8000"]
        }

    def test_a_stop_waits_longer_than_what_runs_may_take(self):
        stated = re.search(r"(?m)^#STOP_SECONDS=(\d+)$", (ROOT / ".env.example").read_text())
        assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > int(stated[1])

    def test_every_variable_is_a_setting_that_is_explained(self):
        explained = set(re.findall(r"(?m)^#?([A-Z_]+)=", (ROOT / ".env.example").read_text()))
        named = {name for service in OURS for name in SERVICES[service]["environment"]}
        assert named and named <= explained
        assert set(re.findall(r"\$\{([A-Z_]+):-", DOCKERFILE)) <= explained

    def test_the_image_is_pinned_runs_as_nobody_special_and_holds_the_whole_product(self):
        stages = re.findall(r"(?m)^FROM (\S+)", DOCKERFILE)
        assert set(stages) == {"python:3.11-slim-bookworm"}
        assert DOCKERFILE.index("useradd") < DOCKERFILE.index("\nUSER tiposync") < DOCKERFILE.index("\nCMD")
        assert copied() == ["manage.py", "tiposync", "stores", "orders", "syncing"]
        assert not re.search(r"(?m)^(ADD|.*\bcurl\b|.*\bsudo\b)", DOCKERFILE)

    def test_the_procfile_and_the_containers_run_the_same(self):
        assert command_of("release")[-1] == PROCFILE["release"]
        assert shlex.split(PROCFILE["worker"].removeprefix("exec ")) == command_of("worker")
        ours = command_of("web")[-1].replace(" --worker-tmp-dir /dev/shm", "")
        assert PROCFILE["web"].endswith(f"&& {ours}")


def copied() -> list[str]:
    """What the image has of the project."""
    return re.findall(r"(?m)^COPY (?!--)(\S+) (?:\./|\S+)$", DOCKERFILE.partition("WORKDIR /app")[2])


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """As the image: /app with what is copied, a Python that has what requirements.txt pins and nothing else."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "app").mkdir()
    for name in copied():
        subprocess.run(["cp", "-r", str(ROOT / name), str(folder / "app" / name)], check=True)
    venv.create(folder / "venv", with_pip=False)
    packages = next((folder / "venv" / "lib").glob("python3*/site-packages"))
    for name in (package.name for package in supply.runs_on() if package.is_needed_here):
        for file in {path.parts[0] for path in metadata.files(name) if path.parts[0] not in ("..", "__pycache__")}:
            (packages / file).symlink_to(metadata.distribution(name).locate_file(file))
    starter = folder / "venv" / "bin" / "gunicorn"
    starter.write_text(f"#!{folder}/venv/bin/python\nfrom gunicorn.app.wsgiapp import run\nrun()\n")
    starter.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def database(django_db_setup) -> Iterator[str]:
    """An empty database on the server of the tests."""
    with new_database(f"production_{os.getpid()}") as name:
        yield urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="module")
def environment(image, database) -> dict[str, str]:
    """What .env and compose.yaml give a container, and no more."""
    return {
        "PATH": f"{image}/venv/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DATABASE_URL": database,
        "SECRET_KEY": "A-long-random-text-0123456789-abcdefghijklmnopqrstuvwxyz",
        "CREDENTIAL_KEYS": "Another-long-random-text-0123456789-abcdefghijklmn",
        "PUBLIC_URL": f"https://{HOST}",
        "ALLOWED_HOSTS": HOST,
        "BEHIND_PROXY": "true",
        "EMAIL_URL": "smtp+tls://user:pass-word@smtp.example.com:587",
        "MAIL_FROM": "tiposync@example.com",
        "PORT": str(free_port()),
        "TWO_FACTOR": "required",
        "WEB_WORKERS": "1",
        "QUEUE_WORKERS": "1",
    }


def run(image: Path, environment: dict[str, str], command: list[str]) -> str:
    done = subprocess.run(command, cwd=image / "app", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def ask(environment: dict[str, str], path: str) -> tuple[int, str]:
    """As the proxy asks: with the host of the service, for a visitor who speaks https."""
    headers = {"Host": HOST, "X-Forwarded-Proto": "https"}
    with urlopen(Request(f"http://127.0.0.1:{environment['PORT']}{path}", headers=headers), timeout=20) as answer:
        return answer.status, answer.read().decode(errors="replace")


@pytest.mark.process
def test_from_an_empty_database_to_a_service_that_is_ready_and_stops_when_told(image, environment):
    static = re.search(r"(?s)^RUN (SECRET_KEY=.*?)\nUSER", DOCKERFILE, re.MULTILINE)[1].replace("\\\n", " ")
    bare = {name: environment[name] for name in ("PATH", "PYTHONDONTWRITEBYTECODE")}
    run(image, bare, ["sh", "-c", static])
    run(image, environment, command_of("release"))
    said = run(image, environment, ["python", "manage.py", "check", "--deploy", "--fail-level", "INFO"])
    assert "no issues" in said
    web, worker = (
        subprocess.Popen(command_of(name), cwd=image / "app", env=environment, stderr=subprocess.PIPE, text=True)
        for name in ("web", "worker")
    )
    try:
        wait_for_port(int(environment["PORT"]))
        wait_until_ready(environment)
        status, page = ask(environment, "/admin/login/")
        assert status == 200 and "DEBUG" not in page
        sheet = re.search(r'href="(/static/[^"]+\.css[^"]*)"', page)[1]
        assert ask(environment, sheet)[0] == 200
        probe = SERVICES["web"]["healthcheck"]["test"]
        assert probe[:3] == ["CMD", "python", "-c"]
        run(image, environment, ["python", "-c", probe[3].replace(":8000", f":{environment['PORT']}")])
    finally:
        for process in (web, worker):
            process.send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=60)[1] for process in (web, worker)]
    assert [web.returncode, worker.returncode] == [0, 0], said
    assert "pass-word" not in "".join(said)


def wait_until_ready(environment: dict[str, str]) -> None:
    end = time.monotonic() + SECONDS
    while True:
        try:
            assert json.loads(ask(environment, "/readyz")[1])["ready"]
            return
        except OSError:  # 503 until a worker has shown itself
            assert time.monotonic() < end
            time.sleep(0.5)


@pytest.mark.process
def test_nothing_of_the_tests_is_in_the_image(image, environment):
    for module in ("pytest", "graphql", "tests"):
        command = ["python", "-c", f"import {module}"]
        assert subprocess.run(command, cwd=image / "app", env=environment, capture_output=True).returncode == 1
