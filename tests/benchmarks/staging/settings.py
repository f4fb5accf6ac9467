"""The product's settings, with one more address: the bare view that the intake is compared with."""

from tiposync.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.staging.urls"
# Everything stays on loopback: no https, no real credentials.
SILENCED_SYSTEM_CHECKS = ["tiposync.E021", "tiposync.E024", "tiposync.W032", "tiposync.W050"]
