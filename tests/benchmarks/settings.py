"""The product's settings, with one more address: the bare view that the intake is compared with."""

from tiposync.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.urls"
