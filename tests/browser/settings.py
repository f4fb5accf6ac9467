"""The product's settings, except that a browser may keep styles and scripts, as it may where DEBUG is off.

Else it asks for some thirty files anew on every page, which takes longer than the page. And a password takes no time.
"""

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tests.support.thoroughness import PASSWORD_ROUNDS
from tiposync.settings import *  # noqa: F403

WHITENOISE_MAX_AGE = 600  # seconds
PBKDF2PasswordHasher.iterations = PASSWORD_ROUNDS
