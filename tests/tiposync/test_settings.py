"""Settings are parsed strictly: what is wrong stops the start with words, and no secret is in them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOUND = {"SECRET_KEY": "s" * 50, "DATABASE_URL": "postgres://user:pass-word@db.example.com:5432/tiposync"}


def read(tmp_path, code="", **variables):
    """Read the settings in a process of its own with these variables only; its exit code and what it printed."""
    (tmp_path / "tiposync").mkdir(exist_ok=True)
    for name in ("__init__.py", "settings.py", "embedded.py"):  # a copy, so that a .env file of ours does not count
        (tmp_path / "tiposync" / name).write_text((ROOT / "tiposync" / name).read_text())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"from tiposync import settings\n{code}"],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"} | variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_production_reads_with_a_secret_key_and_a_database(tmp_path):
    code, printed = read(tmp_path, "print(settings.DEBUG, settings.SESSION_COOKIE_SECURE)", **SOUND)
    assert (code, printed.split()) == (0, ["False", "True"])


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"DEBUG": "ture"}, "DEBUG must be true or false, not 'ture'"),
        ({"SECURE_SSL_REDIRECT": ""}, "SECURE_SSL_REDIRECT must be true or false"),
        ({"QUEUE_WORKERS": "four"}, "QUEUE_WORKERS must be a number, not 'four'"),
        ({"QUEUE_POLL": "0,2"}, "QUEUE_POLL must be a number"),
        ({"TWO_FACTOR": "yes"}, "TWO_FACTOR must be optional or required, not 'yes'"),
        ({"DATABASE_URL": "mysql://user:pass-word@db/x"}, "PostgreSQL only"),
        ({"DATABASE_URL": "postgress://user:pass-word@db/x"}, "DATABASE_URL cannot be used"),
        ({"DATABASE_URL": "postgres://user:pass-word/#@db:5432/x"}, "written as %XX"),
        ({"EMAIL_URL": "user:pass-word@mail.example.com"}, "EMAIL_URL cannot be used"),
        ({"EMAIL_URL": "imap://user:pass-word@mail.example.com"}, "EMAIL_URL cannot be used"),
        ({"EMAIL_URL": "smtp+tls://user:pass-word#@mail.example.com"}, "written as %XX"),
        ({"EMAIL_URL": "smtp+tls://user:25#pass-word@mail.example.com"}, "written as %XX"),
        ({"EMAIL_URL": "smtp+tls://user:25/pass-word@mail.example.com"}, "written as %XX"),
        ({"EMAIL_TIMEOUT": "soon"}, "EMAIL_TIMEOUT must be a number"),
    ],
)
def test_what_does_not_parse_is_named_and_no_secret_is_shown(tmp_path, variables, words):
    code, printed = read(tmp_path, **(SOUND | variables))
    assert code == 1
    assert words in printed
    assert "pass-word" not in printed


def test_a_file_beside_manage_py_is_read_and_the_environment_wins(tmp_path):
    (tmp_path / ".env").write_text(f"SECRET_KEY={'f' * 50}\nQUEUE_WORKERS=3\nWATCHDOG_SECONDS=40\n")
    code, printed = read(
        tmp_path,
        "print(settings.Q_CLUSTER['workers'], settings.WATCHDOG_SECONDS)",
        DATABASE_URL=SOUND["DATABASE_URL"],
        WATCHDOG_SECONDS="50",
    )
    assert (code, printed.split()) == (0, ["3", "50"])


@pytest.mark.parametrize(
    ("url", "read_as"),
    [
        ("smtp+tls://me:a%23b@mail.example.com:587", ("smtp", "mail.example.com", 587, "me", "a#b", True, False, "")),
        ("smtp+ssl://mail.example.com:465", ("smtp", "mail.example.com", 465, "", "", False, True, "")),
        ("smtp://mail.example.com", ("smtp", "mail.example.com", 25, "", "", False, False, "")),
        ("filemail:///var/mail/some%20where", ("private_files", "", 25, "", "", False, False, "/var/mail/some where")),
        ("consolemail://", ("console", "", 25, "", "", False, False, "")),
        ("", ("dummy", "", 25, "", "", False, False, "")),
    ],
)
def test_the_mail_server_is_read_from_one_address(tmp_path, url, read_as):
    code = """if True:
        s = settings
        print((s.EMAIL_BACKEND.split(".")[-2], s.EMAIL_HOST, s.EMAIL_PORT, s.EMAIL_HOST_USER, s.EMAIL_HOST_PASSWORD,
               s.EMAIL_USE_TLS, s.EMAIL_USE_SSL, s.EMAIL_FILE_PATH))"""
    assert read(tmp_path, code, **SOUND, EMAIL_URL=url) == (0, f"{read_as}\n")


def test_every_setting_is_explained_in_the_example_and_nothing_else_is():
    read_names = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', (ROOT / "tiposync/settings.py").read_text()))
    procfile = set(re.findall(r"\$\{([A-Z_]+):-", (ROOT / "Procfile").read_text()))
    lines = (ROOT / ".env.example").read_text().splitlines()
    explained = {match[1] for line in lines if (match := re.match(r"#?([A-Z_]+)=", line))}
    assert explained == read_names | procfile | {"TEST_DATABASE_URL"}


def test_the_defaults_in_the_example_are_those_of_the_settings(tmp_path):
    code = "print({name: value for name, value in vars(settings).items() if name.isupper()})"
    stated = dict(re.findall(r"(?m)^#([A-Z_]+)=(.+)$", (ROOT / ".env.example").read_text()))
    assert len(stated) > 15
    assert read(tmp_path, code, **SOUND, **stated) == read(tmp_path, code, **SOUND)


def test_a_deployment_with_sound_settings_has_nothing_to_warn_of():
    sound = {"DATABASE_URL": f"{SOUND['DATABASE_URL']}?sslmode=verify-full"} | {
        "SECRET_KEY": "A-long-random-text-0123456789-abcdefghijklmnopqrstuvwxyz",
        "CREDENTIAL_KEYS": "Another-long-random-text-0123456789-abcdefghijklmn",
        "PUBLIC_URL": "https://sync.example.com",
        "ALLOWED_HOSTS": "sync.example.com",
        "BEHIND_PROXY": "true",
        "EMAIL_URL": "smtp+tls://user:pass-word@smtp.example.com:587",
        "MAIL_FROM": "tiposync@example.com",
        "TWO_FACTOR": "required",
        "DEBUG": "false",
    }
    command = [sys.executable, str(ROOT / "manage.py"), "check", "--deploy", "--fail-level", "INFO"]
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"} | sound
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, "no issues" in done.stdout + done.stderr) == (0, True), done.stdout + done.stderr
