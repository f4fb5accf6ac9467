"""The product's settings, except that a browser may keep styles and scripts, as it may where DEBUG is off.

Else it asks for some thirty files anew on every page, which takes longer than the page.
"""

from tiposync.settings import *  # noqa: F403

WHITENOISE_MAX_AGE = 600  # seconds
