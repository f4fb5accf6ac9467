"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiposync.settings")
os.environ.setdefault("PGAPPNAME", "tiposync web")  # what PostgreSQL shows beside our connections
application = get_wsgi_application()
